from pathlib import Path

from deploy.local.processes import ROOT
from deploy.local.testrun import EXPLICIT_ONLY, PARTS, QUORUM, Part

OWNERS = ("bench", "deploy", "docs", "gateway", "services", "shared", "tests", "training")


def test_each_test_is_run_once() -> None:
    tests = [path for owner in OWNERS for path in (ROOT / owner).rglob("test_*.py")]
    assert tests
    parts = [part for part in PARTS if part is not QUORUM]
    runs = {test: sum(_runs(part, test) for part in parts) for test in tests}
    assert {
        test: count for test, count in runs.items() if count != 1 and not _runs(EXPLICIT_ONLY, test)
    } == {}
    assert max(runs.values()) == 1


def test_every_path_of_a_part_exists() -> None:
    paths = [word.removeprefix("--ignore=") for part in (*PARTS, EXPLICIT_ONLY) for word in part]
    assert [path for path in paths if not (ROOT / path).exists()] == []


def _runs(part: Part, test: Path) -> bool:
    left_out = [ROOT / word.removeprefix("--ignore=") for word in part if word.startswith("--ignore=")]
    selected = [ROOT / word for word in part if not word.startswith("--ignore=")]
    path = {test, *test.parents}
    return not path.isdisjoint(selected) and path.isdisjoint(left_out)
