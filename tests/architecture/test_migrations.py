"""Two migrations written at the same time must follow each other."""

from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from shared.data.schema import expected_version

ROOT = Path(__file__).parents[2]
MIGRATIONS = sorted(ROOT.glob("services/*/*/migrations"))


@pytest.mark.parametrize("folder", MIGRATIONS, ids=lambda folder: folder.parent.name)
def test_the_migrations_of_a_service_are_one_line(folder: Path) -> None:
    assert len(ScriptDirectory(str(folder)).get_heads()) == 1


@pytest.mark.parametrize("folder", MIGRATIONS, ids=lambda folder: folder.parent.name)
def test_a_migration_has_the_number_of_its_file_and_the_last_one_is_expected(folder: Path) -> None:
    scripts = ScriptDirectory(str(folder))
    for script in scripts.walk_revisions():
        assert Path(script.path).name.startswith(f"{script.revision}_")
        assert script.revision.isdecimal()
    assert expected_version(folder.parent.name) == scripts.get_current_head()
