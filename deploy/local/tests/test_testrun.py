from pathlib import Path

from deploy.local.processes import ROOT
from deploy.local.testrun import JOURNEY, SERVICE_GROUPS, WHEN_NAMED

OWNERS = ("bench", "deploy", "docs", "gateway", "services", "shared", "tests", "training")


def test_all_tests_are_run() -> None:
    folders = [ROOT / word for group in (*SERVICE_GROUPS, JOURNEY, WHEN_NAMED) for word in group]
    tests = [path for owner in OWNERS for path in (ROOT / owner).rglob("test_*.py")]
    assert tests
    assert [test for test in tests if not _is_in(test, folders)] == []


def _is_in(path: Path, folders: list[Path]) -> bool:
    return any(folder in path.parents for folder in folders)
