"""The states of an import, and the transitions between them."""

from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from importer.types import ImportAction, JobState

type Transitions = Mapping[tuple[JobState, ImportAction], JobState]

MAX_UNFINISHED_PER_OWNER = 3
MAX_TABLE_BYTES = 256 * 1024 * 1024
DEFAULT_FILENAME = "table"
MIN_TURN_PAUSE, MAX_TURN_PAUSE = timedelta(seconds=1), timedelta(seconds=30)

FINISHED: frozenset[JobState] = frozenset({"completed", "rejected", "failed", "cancelled", "undone"})
"""Final states, except that a completed import can be undone."""

WITHOUT_SPEECHES: frozenset[JobState] = frozenset({"rejected", "failed", "cancelled"})
"""In these states, an import's recordings are available for another import."""

_COMMON_TRANSITIONS: Transitions = {
    ("queued", "start"): "validating",
    # An interrupted validation starts over.
    ("validating", "start"): "validating",
    ("validating", "reject"): "rejected",
    ("queued", "fail"): "failed",
    ("validating", "fail"): "failed",
    ("queued", "cancel"): "cancelled",
    ("validating", "cancel"): "cancelled",
    # A repeated request gets the same answer.
    ("cancelled", "cancel"): "cancelled",
}
_DRY_RUN_TRANSITIONS: Transitions = {**_COMMON_TRANSITIONS, ("validating", "complete"): "completed"}
_IMPORT_TRANSITIONS: Transitions = {
    **_COMMON_TRANSITIONS,
    ("validating", "apply"): "applying",
    ("applying", "complete"): "completed",
    ("applying", "fail"): "failed",
    ("completed", "undo"): "undoing",
    ("undoing", "undo"): "undoing",
    ("undone", "undo"): "undone",
    ("undoing", "finish_undo"): "undone",
}


def find_next_state(state: JobState, action: ImportAction, *, dry_run: bool) -> JobState | None:
    """Return the state after an action, or None if the state does not allow it."""
    return (_DRY_RUN_TRANSITIONS if dry_run else _IMPORT_TRANSITIONS).get((state, action))


def compute_turn_pause(waited: timedelta) -> timedelta:
    """Return the pause until a waiting import checks again whether an earlier one of its owner has ended.

    It is a tenth of the time waited: many waiting imports cost little, and none waits much longer for it.
    """
    return min(max(waited / 10, MIN_TURN_PAUSE), MAX_TURN_PAUSE)


def build_source_key(job_id: UUID) -> str:
    return f"imports/{job_id}/source"


def name_report(source_filename: str) -> str:
    """Return the name of the error report: `lesson.csv` has `lesson-errors.csv`."""
    stem, dot, _ = source_filename.rpartition(".")
    return f"{stem if dot and stem else source_filename}-errors.csv"
