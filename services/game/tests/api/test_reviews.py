"""Played speeches come up for review, as they are now, and only while they are in play."""

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from contracts.content import SpeechRef, SpeechSnapshot
from fastapi import FastAPI
from game.commands import reviews
from game.commands.reviews import trim_reviews
from game.commands.sessions import delete_session
from game.commands.speeches import record_speech_deletion, store_speech_revision
from game.queries.export import export_game_data
from shared.data.db import Database
from shared.testing import TokenFor, api_client

type NewBody = Callable[..., dict[str, Any]]
type NewReceipt = Callable[..., str]
type Read = Callable[..., Awaitable[dict[str, Any]]]
type Refused = Callable[..., Awaitable[str]]
type Save = Callable[..., Awaitable[str]]
type Answer = Callable[..., list[dict[str, Any]]]

REVIEWS = "/api/v1/game/reviews"
NOW = datetime.now(UTC)
DAY = timedelta(days=1)


async def export_reviews(database: Database, learner: UUID) -> list[dict[str, Any]]:
    """Return the reviews that are stored, due or not."""
    pieces = [chunk async for chunk in await export_game_data(database, learner)]
    stored: list[dict[str, Any]] = json.loads(b"".join(pieces))["reviews"]
    return stored


@pytest.fixture
def answer(new_body: NewBody) -> Answer:
    """Creates results of the three speeches, in their order: `answer("correct", "skipped", "correct")`."""

    def make(*responses: str, **different: Any) -> list[dict[str, Any]]:
        results: list[dict[str, Any]] = new_body()["results"][: len(responses)]
        for result, response in zip(results, responses, strict=True):
            result |= {"user_response": response, "pronunciation_score": None, **different}
        return results

    return make


async def list_texts(read: Read, **params: Any) -> list[str]:
    return [review["speech"]["text"] for review in (await read(REVIEWS, **params))["reviews"]]


async def test_due_speeches_are_listed_the_least_retrievable_first(
    save: Save, read: Read, answer: Answer, speeches: list[SpeechSnapshot]
) -> None:
    await save(NOW - 3 * DAY, results=answer("correct", "incorrect", "skipped"))
    first, second = (await read(REVIEWS))["reviews"]
    assert [review["last_result"]["user_response"] for review in (first, second)] == ["incorrect", "correct"]
    assert 0 < first["retrievability"] < second["retrievability"] < 0.9
    assert datetime.fromisoformat(first["due_at"]) < datetime.fromisoformat(second["due_at"]) <= NOW
    speech = first.pop("speech")
    assert f"/{speeches[1].audio_key}?" in speech.pop("audio_url")
    assert datetime.fromisoformat(speech.pop("audio_expires_at")) > NOW + timedelta(minutes=30)
    assert speech == {
        "id": str(speeches[1].speech_id),
        "text": "How are you?",
        "duration_ms": 1200,
        "level": "A1",
        "type": "answer",
        "tags": [{"id": str(UUID(int=1)), "name": "greetings"}],
    }
    assert first["last_result"].keys() == {"user_response", "pronunciation_score", "verified", "completed_at"}
    assert datetime.fromisoformat(first["last_result"]["completed_at"]) == NOW - 3 * DAY
    assert await list_texts(read, limit=1) == ["How are you?"]


async def test_a_review_postpones_the_next_one(save: Save, read: Read, answer: Answer) -> None:
    await save(NOW - 3 * DAY, results=answer("incorrect", "incorrect"))
    await save(NOW, results=answer("correct"))
    # A phone that was offline sends an older session.
    await save(NOW - DAY, results=answer("incorrect"))
    assert await list_texts(read) == ["How are you?"]


async def test_only_a_verified_score_makes_a_result_easy(
    save: Save, learner: UUID, database: Database, answer: Answer, new_receipt: NewReceipt
) -> None:
    results = answer("correct", "correct", pronunciation_score=95.0)
    results[0]["receipt"] = new_receipt(learner, text="Good morning.", score=95.0)
    await save(NOW, results=results)
    stored = await export_reviews(database, learner)
    intervals = [(review["verified"], review["interval_days"]) for review in stored]
    assert sorted(intervals) == [(False, 2), (True, 8)]


async def test_reviews_show_the_current_speech_while_it_is_in_play(
    save: Save, read: Read, answer: Answer, database: Database, speeches: list[SpeechSnapshot]
) -> None:
    await save(NOW - 3 * DAY, results=answer("correct", "correct", "correct"))

    async def change(speech: SpeechSnapshot, **different: Any) -> None:
        async with database.transaction() as session:
            await store_speech_revision(session, speech.model_copy(update=different), since=NOW)

    edited, archived, deleted = speeches
    await change(edited, revision=2, text="Good evening.", level="B1")
    await change(archived, revision=2, archived_at=NOW)
    async with database.transaction() as session:
        deletion = SpeechRef(speech_id=deleted.speech_id, revision=2)
        await record_speech_deletion(session, deletion, deleted_at=NOW)
    assert await list_texts(read) == ["Good evening."]
    assert await list_texts(read, level="B1") == ["Good evening."]
    assert await list_texts(read, level="A1") == []
    await change(archived, revision=3)
    assert await list_texts(read, level="A1") == ["How are you?"]


async def test_a_deleted_session_no_longer_counts(
    save: Save, read: Read, answer: Answer, database: Database
) -> None:
    await save(NOW - 9 * DAY, results=answer("incorrect"))
    before = await read(REVIEWS)
    later = await save(NOW, results=answer("correct", "correct"))
    assert await list_texts(read) == []
    async with database.transaction() as session:
        await delete_session(session, UUID(later), actor=uuid4())
    assert await read(REVIEWS) == before


async def test_deleting_a_session_repeats_only_the_newest_plays(
    save: Save, learner: UUID, database: Database, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await save(NOW - 3 * DAY, results=answer("correct"))
    newest_alone = await export_reviews(database, learner)
    await save(NOW - 9 * DAY, results=answer("incorrect"))
    later = await save(NOW, results=answer("correct"))
    monkeypatch.setattr(reviews, "MAX_REPEATED_PLAYS", 1)
    async with database.transaction() as session:
        await delete_session(session, UUID(later), actor=uuid4())
    assert await export_reviews(database, learner) == newest_alone


async def test_reviews_beyond_the_limit_are_dropped_from_the_end(
    save: Save, learner: UUID, database: Database, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two of them are due on the same day.
    await save(NOW, results=answer("correct", "incorrect", "correct"))
    for limit in (2, 1):
        monkeypatch.setattr(reviews, "MAX_REVIEWS", limit)
        async with database.transaction() as session:
            await trim_reviews(session, learner)
            await trim_reviews(session, uuid4())
        responses = [review["user_response"] for review in await export_reviews(database, learner)]
        assert (len(responses), "incorrect" in responses) == (limit, True)


async def test_a_learner_sees_only_their_own_reviews(
    save: Save, read: Read, answer: Answer, app: FastAPI, token_for: TokenFor
) -> None:
    await save(NOW - 3 * DAY, results=answer("correct"))
    async with api_client(app, token=token_for(uuid4(), role="admin")) as other:
        assert (await read(REVIEWS, by=other)) == {"reviews": []}
    async with api_client(app) as anyone:
        assert (await anyone.get(REVIEWS)).status_code == 401


@pytest.mark.parametrize("wrong", [{"limit": 0}, {"limit": 51}, {"limit": "x"}, {"level": "A3"}])
async def test_an_invalid_filter_is_refused(refused: Refused, wrong: dict[str, Any]) -> None:
    assert await refused(REVIEWS, **wrong) == f"#/query/{next(iter(wrong))}"
