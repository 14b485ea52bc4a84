from typing import Any

import pytest
from content.domain.speeches import group_by_action


@pytest.mark.parametrize(
    ("changed", "actions"),
    [
        ({"text": "New.", "level": "B1"}, {"speech_updated": {"text", "level"}}),
        ({"archived": True}, {"speech_archived": {"archived"}}),
        ({"archived": False}, {"speech_restored": {"archived"}}),
        (
            {"archived": True, "text": "New."},
            {"speech_updated": {"text"}, "speech_archived": {"archived"}},
        ),
        ({}, {}),
    ],
)
def test_changed_values_are_grouped_by_audit_action(
    changed: dict[str, Any], actions: dict[str, set[str]]
) -> None:
    assert group_by_action(changed) == actions
