"""Alembic's entrance to the schema of the content service."""

from content.models import Base
from shared.data.migrations import run

run(Base.metadata)
