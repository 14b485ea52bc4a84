import pytest
from importer.domain.progress import find_seen_version


@pytest.mark.parametrize("last_event_id", ["", "x", "-1", "1.5", "9" * 50, "٣", "1\n", " 3"])
def test_an_invalid_event_id_is_ignored(last_event_id: str) -> None:
    assert find_seen_version(last_event_id, newest=9) == 0


def test_a_version_that_does_not_exist_yet_is_ignored() -> None:
    assert find_seen_version("10", newest=9) == 0


def test_the_seen_version_is_found() -> None:
    assert find_seen_version("9", newest=9) == 9
