"""Events of earlier versions that are now jobs."""

from content.commands.cache import InvalidateCache
from content.commands.tags import PropagateTagName
from content.queries.speeches import get_cached_speech
from content.queries.tags import list_cached_tags
from uuid_utils.compat import uuid7

ID, TAG = uuid7(), uuid7()
TIME = "2026-11-25T12:00:00Z"


def create_event(name: str, **data: object) -> dict[str, object]:
    return {
        "specversion": "1.0",
        "id": str(ID),
        "type": f"parley.content.{name}.v1",
        "source": "/parley/content",
        "subject": str(TAG),
        "time": TIME,
        "traceparent": "00-trace",
        "data": data,
    }


def test_an_earlier_tag_renamed_event_continues_as_a_job() -> None:
    after = uuid7()
    job = PropagateTagName.model_validate(
        create_event("tag_renamed", tag_id=str(TAG), after=str(after), locked_at=None)
    )
    assert (job.id, job.tag_id, job.after, job.traceparent) == (ID, TAG, after, "00-trace")
    assert job.locked_at.isoformat() == "2026-11-25T12:00:00+00:00"


def test_an_earlier_tag_changed_event_invalidates_the_list_of_tags() -> None:
    job = InvalidateCache.model_validate(create_event("tag_changed", tag_id=str(TAG)))
    assert (job.id, job.keys) == (ID, [list_cached_tags.build_key()])


def test_earlier_speech_events_invalidate_the_speech() -> None:
    for name in ("speech_updated", "speech_deleted"):
        job = InvalidateCache.model_validate(create_event(name, speech_id=str(ID), revision=2))
        assert job.keys == [get_cached_speech.build_key(ID)]


def test_a_job_is_unchanged_by_serialisation() -> None:
    job = InvalidateCache(keys=["speech:1"])
    assert InvalidateCache.model_validate_json(job.model_dump_json()) == job
