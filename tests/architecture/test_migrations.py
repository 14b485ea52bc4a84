"""Two migrations written at the same time must follow each other."""

from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

ROOT = Path(__file__).parents[2]
MIGRATIONS = sorted(ROOT.glob("services/*/*/migrations"))


@pytest.mark.parametrize("folder", MIGRATIONS, ids=lambda folder: folder.parent.name)
def test_the_migrations_of_a_service_are_one_line(folder: Path) -> None:
    assert len(ScriptDirectory(str(folder)).get_heads()) == 1
