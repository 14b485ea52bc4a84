"""Checks that migrations suit a system in use: renders their SQL and lints it with squawk."""

import json
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import Script, ScriptDirectory

SQUAWK = Path(sys.executable).with_name("squawk")
NOT_OURS = (
    # Types are ours to choose: a limit on a text is a check against faults.
    *("prefer-text-field", "prefer-bigint-over-int", "prefer-bigint-over-smallint"),
    # shared/shared/data/migrations.py sets the limit of locks for all. An index may take as long as it needs.
    *("require-lock-timeout", "require-statement-timeout"),
    # IF NOT EXISTS would keep the invalid index of an interrupted attempt.
    "prefer-robust-stmts",
)
CONTRACT_RULES = (
    *("ban-drop-column", "ban-drop-table", "ban-drop-constraint", "ban-drop-not-null"),
    *("renaming-column", "renaming-table"),
)
"""Statements that remove things the previous release may still use, so only a contract step may have them."""


def find_problems(migrations: Path, *, baseline: str, folder: Path) -> list[str]:
    """Return a line for each problem of the migrations after `baseline`. Renders them into `folder`."""
    scripts = ScriptDirectory(str(migrations))
    problems = list[str]()
    for script in _list_later(scripts, baseline):
        file = folder / f"{script.revision}.sql"
        file.write_text(render(scripts, script))
        problems += lint(file, is_contract=bool(getattr(script.module, "contract", None)))
    return problems


def _list_later(scripts: ScriptDirectory, baseline: str) -> Iterator[Script]:
    yield from (revision for revision in scripts.walk_revisions() if revision.revision > baseline)


def render(scripts: ScriptDirectory, script: Script) -> str:
    """Return the SQL of one migration, as `alembic upgrade --sql` does."""
    previous, output = str(script.down_revision or "base"), StringIO()
    context = EnvironmentContext(
        Config(),
        scripts,
        fn=lambda _, __: scripts._upgrade_revs(script.revision, previous),
        as_sql=True,
        starting_rev=previous,
        destination_rev=script.revision,
    )
    with context:
        context.configure(dialect_name="postgresql", output_buffer=output, transaction_per_migration=True)
        with context.begin_transaction():
            context.run_migrations()
    return output.getvalue()


def lint(file: Path, *, is_contract: bool) -> list[str]:
    """Return squawk's findings on the statements of one migration."""
    left_out = [*NOT_OURS, *(CONTRACT_RULES if is_contract else ())]
    command = (SQUAWK, "--reporter=json", "--pg-version=18", f"--exclude={','.join(left_out)}", file)
    result = subprocess.run(command, capture_output=True, text=True)  # noqa: S603 - the wheel's own binary
    assert result.returncode in (0, 1), result.stderr
    return [
        f"{file.stem}: {violation['rule_name']}: {violation['message']}"
        for violation in json.loads(result.stdout)
    ]
