from collections.abc import Collection
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from contracts.vocabulary import MAX_TAGS_PER_SPEECH

from content.types import SkipReason


class SkippedSpeech(NamedTuple):
    id: UUID
    code: SkipReason
    detail: str


@dataclass(kw_only=True)
class BatchOutcome:
    """The outcome for each speech of a batch."""

    changed: list[UUID] = field(default_factory=list)
    unchanged: list[UUID] = field(default_factory=list)
    skipped: list[SkippedSpeech] = field(default_factory=list)


class SpeechState(NamedTuple):
    archived: bool
    tag_ids: frozenset[UUID]


@dataclass(frozen=True, kw_only=True)
class BatchChange:
    """A change to many speeches. None leaves `archived` unchanged."""

    add_tag_ids: Collection[UUID] = ()
    remove_tag_ids: Collection[UUID] = ()
    archived: bool | None = None

    def apply_to(self, state: SpeechState) -> SpeechState:
        archived = state.archived if self.archived is None else self.archived
        return SpeechState(archived, (state.tag_ids | set(self.add_tag_ids)) - set(self.remove_tag_ids))


def plan_batch(
    speech_ids: Collection[UUID], states: dict[UUID, SpeechState], change: BatchChange
) -> tuple[BatchOutcome, dict[UUID, SpeechState]]:
    """Return the outcome, and the new states of the speeches that change."""
    outcome, new_states = BatchOutcome(), dict[UUID, SpeechState]()
    for speech_id in dict.fromkeys(speech_ids):
        if (state := states.get(speech_id)) is None:
            outcome.skipped.append(SkippedSpeech(speech_id, "speech_not_found", "There is no such speech."))
            continue
        after = change.apply_to(state)
        if len(after.tag_ids) > max(MAX_TAGS_PER_SPEECH, len(state.tag_ids)):
            detail = f"A speech can have at most {MAX_TAGS_PER_SPEECH} tags."
            outcome.skipped.append(SkippedSpeech(speech_id, "too_many_tags", detail))
        elif after == state:
            outcome.unchanged.append(speech_id)
        else:
            outcome.changed.append(speech_id)
            new_states[speech_id] = after
    return outcome, new_states
