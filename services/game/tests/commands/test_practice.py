"""A learner's practice is the sum of their sessions, after any saves, edits and deletions."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from contracts.content import SpeechRef, SpeechSnapshot
from game.commands.practice import count_earlier_practice
from game.commands.sessions import delete_session
from game.commands.speeches import record_speech_deletion, store_speech_revision
from game.models import GameSession, PractisedPhoneme, PractisedScorer, PractisedSpeech, PractisedTag
from game.queries.practice import get_practice
from game.queries.progress import list_scorers
from shared.data.db import Base
from shared.testing import count_read_rows
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

type NewBody = Callable[..., dict[str, Any]]
type NewReceipt = Callable[..., str]
type Play = Callable[..., Awaitable[UUID]]
type Save = Callable[..., Awaitable[str]]

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
PRACTISED = (PractisedSpeech, PractisedTag, PractisedScorer, PractisedPhoneme)
FOOD = {"id": UUID(int=2), "name": "food"}


@pytest.fixture
def play(
    learner: UUID, save: Save, new_body: NewBody, new_receipt: NewReceipt, speeches: list[SpeechSnapshot]
) -> Play:
    """Saves a session: `await play("correct", "skipped")`, with a verified score for the first result."""

    async def call(*responses: str, days: int = 0, score: float = 40.0) -> UUID:
        results = new_body()["results"][: len(responses)]
        for result, response in zip(results, responses, strict=True):
            result |= {"user_response": response, "pronunciation_score": None}
        about = {"scorer": "new-2", "phonemes": [["TH", 2, 2 * score], ["AA", 20, 1800.0]]}
        results[0]["receipt"] = new_receipt(learner, text=speeches[0].text, score=score, **about)
        return UUID(await save(NOON + timedelta(days=days), results=results))

    return call


async def list_rows(session: AsyncSession, *tables: type[Base]) -> list[tuple[Any, ...]]:
    return [
        tuple(row)
        for table in tables
        for row in await session.execute(select(table.__table__).order_by(*table.__table__.primary_key))
    ]


async def test_practice_is_readable_as_soon_as_a_session_is_saved(
    session: AsyncSession, learner: UUID, play: Play, speeches: list[SpeechSnapshot]
) -> None:
    await play("incorrect", "correct", "skipped")
    await play("incorrect", "correct", days=2, score=60.0)
    for _ in range(2):
        await play("incorrect", days=1, score=50.0)
    practice = await get_practice(session, learner)
    (tag,) = practice.by_tag
    assert (tag.tag.name, tag.sessions, tag.sentences) == ("greetings", 4, 7)
    assert (tag.correct_rate, tag.avg_pronunciation_score) == (0.2857, 50.0)
    (hardest,) = practice.hardest_sentences
    assert (hardest.speech_id, hardest.text) == (speeches[0].speech_id, "Good morning.")
    assert (hardest.attempts, hardest.correct, hardest.avg_pronunciation_score) == (4, 0, 50.0)
    assert hardest.last_played_at == NOON + timedelta(days=2, minutes=-5)
    (weakest,) = practice.weakest_phonemes
    assert (weakest.symbol, weakest.score, weakest.count, weakest.scorer) == ("TH", 50.0, 8, "new-2")
    assert (await get_practice(session, uuid4())).model_dump() == {
        "by_tag": [],
        "hardest_sentences": [],
        "weakest_phonemes": [],
    }


async def test_unverified_evidence_does_not_count(
    session: AsyncSession, learner: UUID, save: Save, new_body: NewBody, new_receipt: NewReceipt
) -> None:
    results = new_body()["results"]
    forged = new_receipt(learner, text="Another text.", score=90.0, scorer="new-2", phonemes=[["TH", 9, 9.0]])
    results[0] |= {"user_response": "incorrect", "receipt": forged}
    await save(NOON, results=results)
    assert await list_rows(session, PractisedPhoneme) == []
    assert (await get_practice(session, learner)).hardest_sentences[0].avg_pronunciation_score is None


async def test_deleting_a_session_subtracts_it(session: AsyncSession, play: Play) -> None:
    await play("incorrect", "correct")
    before = await list_rows(session, *PRACTISED)
    latest = await play("correct", "incorrect", "correct", days=1, score=90.5)
    assert await list_rows(session, *PRACTISED) != before
    await delete_session(session, latest, actor=uuid4())
    left = await list_rows(session, PractisedSpeech, PractisedTag, PractisedScorer)
    assert left == before[: len(left)]
    counts = select(PractisedPhoneme.symbol, PractisedPhoneme.scores, PractisedPhoneme.score_sum)
    assert set(await session.execute(counts)) == {("TH", 2, 80.0), ("AA", 20, 1800.0)}


async def test_deleting_all_sessions_leaves_no_rows(session: AsyncSession, play: Play) -> None:
    played = [await play("incorrect", "correct", days=day, score=33.3 + day) for day in range(3)]
    for session_id in played:
        await delete_session(session, session_id, actor=uuid4())
    assert await list_rows(session, *PRACTISED) == []


async def test_sessions_of_an_earlier_version_are_counted_once(session: AsyncSession, play: Play) -> None:
    first = await play("incorrect", "correct")
    await play("correct", days=1)
    expected = await list_rows(session, *PRACTISED)
    for table in PRACTISED:
        await session.execute(delete(table))
    await session.execute(update(GameSession).values(practice_counted=False))
    for _ in range(2):
        assert await count_earlier_practice(session) is False
        assert await list_rows(session, *PRACTISED) == expected
    # A deletion does not subtract uncounted results either.
    await session.execute(update(GameSession).where(GameSession.id == first).values(practice_counted=False))
    await delete_session(session, first, actor=uuid4())
    assert sorted(row[2] for row in await list_rows(session, PractisedSpeech)) == [1, 2]


async def test_tags_count_as_they_were_when_a_speech_was_played(
    session: AsyncSession, learner: UUID, play: Play, speeches: list[SpeechSnapshot]
) -> None:
    played = await play("correct")
    tags = [FOOD, {"id": UUID(int=3), "name": "travel"}]
    retagged = SpeechSnapshot.model_validate({**speeches[0].model_dump(), "revision": 2, "tags": tags})
    await store_speech_revision(session, retagged, since=NOON + timedelta(hours=1))
    await play("incorrect", days=1)
    renamed_tags = [FOOD | {"name": "meals"}]
    renamed = SpeechSnapshot.model_validate({**retagged.model_dump(), "revision": 3, "tags": renamed_tags})
    await store_speech_revision(session, renamed, since=NOON + timedelta(days=2))
    by_tag = (await get_practice(session, learner)).by_tag
    practised_tags = [(progress.tag.name, progress.sentences) for progress in by_tag]
    assert practised_tags == [("greetings", 1), ("meals", 1), ("travel", 1)]
    await delete_session(session, played, actor=uuid4())
    by_tag = (await get_practice(session, learner)).by_tag
    assert [progress.tag.name for progress in by_tag] == ["meals", "travel"]


async def test_late_tags_cause_no_negative_totals(
    session: AsyncSession, learner: UUID, play: Play, speeches: list[SpeechSnapshot]
) -> None:
    early = await play("correct")
    retagged = SpeechSnapshot.model_validate({**speeches[0].model_dump(), "revision": 2, "tags": [FOOD]})
    await store_speech_revision(session, retagged, since=NOON - timedelta(hours=1))
    for day in (1, 2):
        await play("incorrect", days=day)
    # Its result counted for another tag.
    await delete_session(session, early, actor=uuid4())
    renamed_tags = next(
        tag for tag in (await get_practice(session, learner)).by_tag if tag.tag.name == "food"
    )
    assert (renamed_tags.sentences, renamed_tags.correct_rate) == (1, 0)


async def test_a_deleted_speech_remains_among_the_hardest_with_its_text(
    session: AsyncSession, learner: UUID, play: Play, speeches: list[SpeechSnapshot]
) -> None:
    await play("incorrect")
    deletion = SpeechRef(speech_id=speeches[0].speech_id, revision=2)
    await record_speech_deletion(session, deletion, deleted_at=NOON)
    (hardest,) = (await get_practice(session, learner)).hardest_sentences
    assert hardest.text == "Good morning."


async def test_the_hardest_sentences_are_those_with_most_evidence(
    session: AsyncSession, learner: UUID, play: Play, speeches: list[SpeechSnapshot]
) -> None:
    await play("correct", "incorrect", score=90.0)
    for day in (1, 2, 3):
        await play("correct", "correct", "incorrect", days=day, score=90.0)
    ids = [speech.speech_id for speech in speeches]
    hardest = (await get_practice(session, learner)).hardest_sentences
    # Of the second, three of four are correct: 11 of 14 with the prior. The first is correct throughout.
    assert [sentence.speech_id for sentence in hardest] == [ids[2], ids[1]]
    await play("correct", score=0.0)
    for day in range(4, 10):
        await play("correct", days=day, score=20.0)
    hardest = (await get_practice(session, learner)).hardest_sentences
    # Its verified scores count as well: 11 and 4.8 of 22 attempts and scores, with the prior.
    assert [sentence.speech_id for sentence in hardest] == [ids[2], ids[0], ids[1]]


async def test_practice_is_read_without_reading_results(
    session: AsyncSession, learner: UUID, play: Play
) -> None:
    await play("incorrect", "incorrect", "correct")
    assert (await get_practice(session, learner)).hardest_sentences
    before = [await count_read_rows(session, table) for table in ("game_sessions", "game_results")]
    await get_practice(session, learner)
    assert await list_scorers(session, learner, tz="UTC")
    assert before == [await count_read_rows(session, table) for table in ("game_sessions", "game_results")]
