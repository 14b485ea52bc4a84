"""Rules about the code's structure, in addition to the layers that import-linter checks."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy import services

ROOT = Path(__file__).parents[2]
SERVICES = sorted(path.parent.name for path in ROOT.glob("services/*/pyproject.toml"))


def iterate_sources() -> Iterator[Path]:
    for package in (ROOT / "shared" / "shared", *(ROOT / "services" / name / name for name in SERVICES)):
        yield from package.rglob("*.py")


@pytest.mark.parametrize(
    ("call", "expected_file"),
    [
        (r"\.commit\(", "data/db.py"),
        (r"\.publish\(", "messaging/broker.py"),
        (r"\bcreate_async_engine\(", "data/db.py"),
    ],
)
def test_commit_publish_and_create_engine_each_occur_in_one_file(call: str, expected_file: str) -> None:
    files = [path for path in iterate_sources() if re.search(call, path.read_text())]
    assert files == [ROOT / "shared" / "shared" / expected_file]


def test_there_are_services_to_check() -> None:
    assert sorted(service.name for service in services.SERVICES) == SERVICES


def test_lock_files_carry_hashes_and_no_index_urls() -> None:
    locks = [path.read_text() for path in (*ROOT.glob("*.txt"), *ROOT.glob("services/*/requirements.txt"))]
    assert len(locks) > len(SERVICES)
    for lock in locks:
        assert "--hash=sha256:" in lock
        assert "://" not in lock


def test_a_command_that_opens_transactions_is_repeated_after_a_conflict() -> None:
    opening = [
        (path.name, function)
        for path in iterate_sources()
        if path.parent.name == "commands"
        for function in ast.walk(ast.parse(path.read_text()))
        if isinstance(function, ast.AsyncFunctionDef) and "database.transaction()" in ast.unparse(function)
    ]
    assert opening
    for file, function in opening:
        decorators = {ast.unparse(decorator) for decorator in function.decorator_list}
        # The caller of a context manager repeats it.
        assert decorators & {"retry_conflicts", "asynccontextmanager"}, f"{file}: {function.name}"
