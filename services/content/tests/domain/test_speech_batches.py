from uuid import uuid4

from content.domain.speech_batches import BatchChange, SpeechState, plan_batch
from contracts.vocabulary import MAX_TAGS_PER_SPEECH

A, B, C = (uuid4() for _ in range(3))


def test_each_speech_is_changed_or_reported_once() -> None:
    states = {A: SpeechState(False, frozenset({B})), B: SpeechState(False, frozenset({C}))}
    outcome, changes = plan_batch([A, B, A, C], states, BatchChange(add_tag_ids=[C], remove_tag_ids=[B]))
    assert (outcome.changed, outcome.unchanged) == ([A], [B])
    assert [(skip.id, skip.code) for skip in outcome.skipped] == [(C, "speech_not_found")]
    assert changes == {A: SpeechState(False, frozenset({C}))}


def test_speeches_are_archived_and_restored() -> None:
    states = {A: SpeechState(True, frozenset()), B: SpeechState(False, frozenset())}
    assert plan_batch([A, B], states, BatchChange(archived=True))[0].changed == [B]
    assert plan_batch([A, B], states, BatchChange(archived=False))[0].changed == [A]


def test_a_speech_with_too_many_tags_is_skipped() -> None:
    full = frozenset(uuid4() for _ in range(MAX_TAGS_PER_SPEECH))
    states = {A: SpeechState(False, full)}
    outcome, changes = plan_batch([A], states, BatchChange(add_tag_ids=[B], archived=True))
    assert ([skip.code for skip in outcome.skipped], changes) == (["too_many_tags"], {})
    assert plan_batch([A], states, BatchChange(add_tag_ids=list(full)[:3]))[0].unchanged == [A]
