from datetime import timedelta
from typing import get_args

import pytest
from importer.domain.imports import (
    FINISHED,
    WITHOUT_SPEECHES,
    compute_turn_pause,
    find_next_state,
    name_report,
)
from importer.types import UNFINISHED, ImportAction, JobState

STATES: tuple[JobState, ...] = get_args(JobState)
ACTIONS: tuple[ImportAction, ...] = get_args(ImportAction)


def test_an_import_goes_through_all_its_states() -> None:
    state: JobState | None = "queued"
    states = []
    for action in ("start", "apply", "complete", "undo", "finish_undo"):
        assert state is not None
        state = find_next_state(state, action, dry_run=False)
        states.append(state)
    assert states == ["validating", "applying", "completed", "undoing", "undone"]


def test_a_dry_run_is_completed_without_being_applied() -> None:
    assert find_next_state("validating", "complete", dry_run=True) == "completed"
    assert find_next_state("validating", "apply", dry_run=True) is None
    assert find_next_state("completed", "undo", dry_run=True) is None


def test_a_validated_import_cannot_be_completed_before_it_is_applied() -> None:
    assert find_next_state("validating", "complete", dry_run=False) is None


def test_an_interrupted_validation_starts_over() -> None:
    assert find_next_state("validating", "start", dry_run=False) == "validating"


@pytest.mark.parametrize("state", ["applying", "completed", "rejected", "failed", "undoing", "undone"])
def test_an_applied_or_ended_import_cannot_be_cancelled(state: JobState) -> None:
    assert find_next_state(state, "cancel", dry_run=False) is None


@pytest.mark.parametrize(
    ("state", "action"), [("cancelled", "cancel"), ("undoing", "undo"), ("undone", "undo")]
)
def test_repeating_an_action_changes_nothing(state: JobState, action: ImportAction) -> None:
    assert find_next_state(state, action, dry_run=False) == state


@pytest.mark.parametrize("dry_run", [True, False])
@pytest.mark.parametrize("state", sorted(WITHOUT_SPEECHES | {"undone"}))
def test_final_states_have_no_transitions(state: JobState, dry_run: bool) -> None:
    assert {find_next_state(state, action, dry_run=dry_run) for action in ACTIONS} <= {None, state}


@pytest.mark.parametrize("dry_run", [True, False])
def test_every_unfinished_import_can_end(dry_run: bool) -> None:
    for state in UNFINISHED:
        if state == "applying" and dry_run:
            continue
        assert any(find_next_state(state, action, dry_run=dry_run) in FINISHED for action in ACTIONS)


def test_every_state_is_finished_or_in_progress() -> None:
    assert {*FINISHED, *UNFINISHED, "undoing"} == set(STATES)


@pytest.mark.parametrize(
    ("name", "report"),
    [("lesson.csv", "lesson-errors.csv"), ("a.b.xlsx", "a.b-errors.csv"), ("table", "table-errors.csv")],
)
def test_a_report_is_named_after_its_table(name: str, report: str) -> None:
    assert name_report(name) == report


@pytest.mark.parametrize(("waited", "pause"), [(0, 1), (10, 1), (100, 10), (300, 30), (86_400, 30)])
def test_a_waiting_import_checks_its_turn_less_often_the_longer_it_waits(waited: int, pause: int) -> None:
    assert compute_turn_pause(timedelta(seconds=waited)) == timedelta(seconds=pause)
