"""Two migrations written at the same time must follow each other, and each must suit a system in use."""

from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from shared.data.schema import get_expected_version

from tests.online_migrations import find_problems

ROOT = Path(__file__).parents[2]
MIGRATIONS = sorted(ROOT.glob("services/*/*/migrations"))
BASELINES = {"auth": "0017", "content": "0008", "game": "0006", "importer": "0002"}
"""The last migrations before this check was written. They are applied everywhere, so they cannot change."""

MIGRATION = """
from alembic import op
import sqlalchemy as sa
revision, down_revision, branch_labels, depends_on = "0002", "0001", None, None
{marker}
def upgrade():
    {statement}
"""
FIRST = """
revision, down_revision, branch_labels, depends_on = "0001", None, None, None
def upgrade(): pass
"""
ONLINE = (
    'op.add_column("tags", sa.Column("color", sa.Text))',
    'op.add_column("tags", sa.Column("color", sa.Text, nullable=False, server_default="red"))',
    """op.create_table("colors", sa.Column("name", sa.Text))
    op.create_index("ix_colors_name", "colors", ["name"])""",
    'op.execute("ALTER TABLE tags ADD CONSTRAINT fk FOREIGN KEY (color) REFERENCES colors (id) NOT VALID")',
    """with op.get_context().autocommit_block():
        op.execute("CREATE INDEX CONCURRENTLY ix_tags_color ON tags (color)")
        op.execute("ALTER TABLE tags VALIDATE CONSTRAINT fk")""",
)
BLOCKING = {
    'op.add_column("tags", sa.Column("color", sa.Text, nullable=False))': "adding-required-field",
    'op.add_column("tags", sa.Column("id", sa.Uuid, server_default=sa.text("uuidv7()")))': (
        "adding-field-with-default"
    ),
    'op.add_column("tags", sa.Column("color", sa.Uuid, sa.ForeignKey("colors.id")))': (
        "adding-foreign-key-constraint"
    ),
    'op.alter_column("tags", "color", nullable=False)': "adding-not-nullable-field",
    'op.alter_column("tags", "number", type_=sa.BigInteger)': "changing-column-type",
    'op.create_index("ix_tags_color", "tags", ["color"])': "require-concurrent-index-creation",
    'op.drop_index("ix_tags_color", "tags")': "require-concurrent-index-deletion",
    'op.create_foreign_key("fk", "tags", "colors", ["color"], ["id"])': "adding-foreign-key-constraint",
    'op.create_unique_constraint("uq", "tags", ["color"])': "disallowed-unique-constraint",
    'op.create_check_constraint("ck", "tags", "color > 0")': "constraint-missing-not-valid",
    'op.execute("CREATE INDEX CONCURRENTLY ix ON tags (color)")': (
        "ban-concurrent-index-creation-in-transaction"
    ),
}
CONTRACTING = {
    'op.drop_column("tags", "color")': "ban-drop-column",
    'op.drop_table("tags")': "ban-drop-table",
    'op.drop_constraint("uq", "tags")': "ban-drop-constraint",
    'op.alter_column("tags", "color", new_column_name="colour")': "renaming-column",
    'op.rename_table("tags", "labels")': "renaming-table",
    'op.alter_column("tags", "color", nullable=True)': "ban-drop-not-null",
}


@pytest.mark.parametrize("folder", MIGRATIONS, ids=lambda folder: folder.parent.name)
def test_the_migrations_of_a_service_form_one_chain(folder: Path) -> None:
    assert len(ScriptDirectory(str(folder)).get_heads()) == 1


@pytest.mark.parametrize("folder", MIGRATIONS, ids=lambda folder: folder.parent.name)
def test_a_migration_has_the_number_of_its_file_and_the_last_one_is_expected(folder: Path) -> None:
    scripts = ScriptDirectory(str(folder))
    for script in scripts.walk_revisions():
        assert Path(script.path).name.startswith(f"{script.revision}_")
        assert script.revision.isdecimal()
    assert get_expected_version(folder.parent.name) == scripts.get_current_head()


@pytest.mark.parametrize("folder", MIGRATIONS, ids=lambda folder: folder.parent.name)
def test_migrations_pass_the_online_migration_check(folder: Path, tmp_path: Path) -> None:
    # CONTRIBUTING.md, "Add a migration", says what to do instead.
    baseline = BASELINES.get(folder.parent.name, "0000")
    assert find_problems(folder, baseline=baseline, folder=tmp_path) == []


def check(statement: str, folder: Path, *, marker: str = "") -> list[str]:
    """Return the rules that a migration with this statement breaks."""
    versions = folder / "versions"
    versions.mkdir()
    (versions / "0001_first.py").write_text(FIRST)
    (versions / "0002_second.py").write_text(MIGRATION.format(statement=statement, marker=marker))
    return [problem.split(": ")[1] for problem in find_problems(folder, baseline="0001", folder=folder)]


@pytest.mark.parametrize("statement", ONLINE)
def test_the_check_accepts_online_statements(statement: str, tmp_path: Path) -> None:
    assert check(statement, tmp_path) == []


@pytest.mark.parametrize("statement", BLOCKING)
@pytest.mark.parametrize("marker", ["", 'contract = "unused since 1.0"'])
def test_the_check_rejects_blocking_statements(statement: str, marker: str, tmp_path: Path) -> None:
    assert BLOCKING[statement] in check(statement, tmp_path, marker=marker)


@pytest.mark.parametrize("statement", CONTRACTING)
def test_only_a_contract_step_removes_what_the_previous_release_may_use(
    statement: str, tmp_path: Path
) -> None:
    assert check(statement, tmp_path) == [CONTRACTING[statement]]


@pytest.mark.parametrize("statement", CONTRACTING)
def test_a_contract_step_states_why_the_removal_is_safe(statement: str, tmp_path: Path) -> None:
    assert check(statement, tmp_path, marker='contract = "unused since 1.0"') == []
