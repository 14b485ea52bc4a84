"""Alembic's entrance to the schema of the content service."""

from content.models import Base
from shared.migrations import run

run(Base.metadata)
