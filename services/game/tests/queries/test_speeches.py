from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from contracts.content import SpeechSnapshot
from game.commands.speeches import store_speech_revision
from game.errors import SpeechNotFound, SpeechNotKnownYet
from game.queries.speeches import get_texts, list_tag_names
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7


async def test_texts_of_all_revisions_are_returned(
    session: AsyncSession, speeches: list[SpeechSnapshot]
) -> None:
    edited = speeches[0].model_copy(update={"revision": 2, "text": "Good evening."})
    await store_speech_revision(session, edited, since=datetime.now(UTC))
    ids = [speech.speech_id for speech in speeches[:2]]
    assert await get_texts(session, ids) == {
        ids[0]: {"Good morning.", "Good evening."},
        ids[1]: {"How are you?"},
    }
    unknown = uuid4()
    with pytest.raises(SpeechNotFound, match=str(unknown)):
        await get_texts(session, [*ids, unknown])


async def test_the_error_for_a_possibly_new_speech_requests_a_retry(
    session: AsyncSession, speeches: list[SpeechSnapshot]
) -> None:
    new, never = uuid7(), uuid4()
    with pytest.raises(SpeechNotKnownYet, match=str(new)) as waiting:
        await get_texts(session, [speeches[0].speech_id, new])
    assert (waiting.value.headers["Retry-After"], waiting.value.extra) == ("2", {"speech_ids": [str(new)]})
    # The error lists only the unknown speech: the results of the new one must not be omitted.
    with pytest.raises(SpeechNotFound) as refused:
        await get_texts(session, [new, never])
    assert refused.value.extra == {"speech_ids": [str(never)]}


async def test_only_known_tags_have_names(session: AsyncSession, speeches: list[SpeechSnapshot]) -> None:
    assert await list_tag_names(session, [UUID(int=1), uuid4()]) == {UUID(int=1): "greetings"}
    assert await list_tag_names(session, []) == {}
