from importer.models import Base
from shared.data.migrations import run

run(Base.metadata)
