import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID, uuid4

import pytest
from contracts.content import SpeechRef, SpeechSnapshot
from contracts.game import SessionCompleted
from game.commands.sessions import SaveResult, save_session
from game.commands.speeches import record_speech_deletion, store_speech_revision
from game.commands.users import erase_user
from game.errors import AggregateMismatch, IdempotencyConflict, SpeechNotFound
from game.models import GameResult, GameSession, PractisedTag
from game.receipts import ReceiptVerifier
from game.schemas.sessions import SessionCreate
from shared.data.db import Database
from shared.security.jwt import SigningKeys, StaticKeys, create_signing_key
from shared.testing import outbox_events
from sqlalchemy import event, func, select
from sqlalchemy.ext.asyncio import AsyncSession

type NewBody = Callable[..., dict[str, Any]]
type NewReceipt = Callable[..., str]


@pytest.fixture(scope="session")
def receipts(receipt_keys: SigningKeys) -> ReceiptVerifier:
    return ReceiptVerifier(StaticKeys(receipt_keys.public))


@pytest.fixture
def save(
    session: AsyncSession, learner: UUID, receipts: ReceiptVerifier, speeches: list[SpeechSnapshot]
) -> Callable[..., Any]:
    async def call(body: dict[str, Any], *, key: str | None = None, by: UUID = learner) -> SaveResult:
        return await save_session(
            session, by, new=SessionCreate.model_validate(body), key=key, receipts=receipts
        )

    return call


async def list_results(session: AsyncSession, saved: SaveResult) -> list[GameResult]:
    statement = select(GameResult).where(GameResult.session_id == saved.session.id)
    return list(await session.scalars(statement.order_by(GameResult.sequence_number)))


async def test_a_saved_session_is_published(
    session: AsyncSession, learner: UUID, save: Callable[..., Any], new_body: NewBody
) -> None:
    saved = await save(new_body())
    assert not saved.replayed
    assert (saved.session.correct_count, saved.session.skipped_count, saved.session.max_streak) == (2, 1, 2)
    assert saved.session.avg_pronunciation_score == 85.25
    (completed,) = await outbox_events(session, SessionCompleted)
    assert completed.subject == str(saved.session.id)
    assert (completed.data.session_id, completed.data.user_id) == (saved.session.id, learner)
    stored_results = await list_results(session, saved)
    assert [(r.speech_id, r.user_response, r.pronunciation_score) for r in completed.data.results] == [
        (r.speech_id, r.user_response, r.pronunciation_score) for r in stored_results
    ]


async def test_results_are_accepted_in_any_order(
    session: AsyncSession, save: Callable[..., Any], new_body: NewBody
) -> None:
    body = new_body()
    saved = await save(body | {"results": list(reversed(body["results"]))})
    assert saved.session.max_streak == 2
    assert [r.response_time_ms for r in await list_results(session, saved)] == [1000, 2000, 3000]


async def test_saving_a_session_needs_few_statements(
    session: AsyncSession, learner: UUID, save: Callable[..., Any], new_body: NewBody, new_receipt: NewReceipt
) -> None:
    body = new_body()
    body["results"][0]["receipt"] = new_receipt(learner, text="Good morning.", score=90.0)
    connection = (await session.connection()).sync_connection
    statements: list[str] = []

    def add_statement(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement.split()[0])

    event.listen(connection, "before_cursor_execute", add_statement)
    await save(body, key="k")
    await session.flush()
    event.remove(connection, "before_cursor_execute", add_statement)
    # Reads of lock, user, key and speeches; inserts of session, receipts, results; reviews, practice; event.
    assert statements == ["SELECT"] * 4 + ["INSERT"] * 3 + ["SELECT", "INSERT"] + ["WITH", "INSERT"]


async def test_the_error_for_unknown_speeches_names_them(save: Callable[..., Any], new_body: NewBody) -> None:
    body = new_body()
    unknown = str(uuid4())
    body["results"][1]["speech_id"] = unknown
    with pytest.raises(SpeechNotFound, match=unknown) as excinfo:
        await save(body)
    assert excinfo.value.extra["speech_ids"] == [unknown]


async def test_a_session_with_wrong_totals_is_not_saved(
    session: AsyncSession, save: Callable[..., Any], new_body: NewBody
) -> None:
    with pytest.raises(AggregateMismatch):
        await save(new_body(correct_count=3))
    assert await session.scalar(select(func.count()).select_from(GameSession)) == 0


async def test_a_repeated_key_returns_the_same_session(
    session: AsyncSession, save: Callable[..., Any], new_body: NewBody
) -> None:
    body = new_body()
    first, second = await save(body, key="k"), await save(body, key="k")
    assert (first.replayed, second.replayed) == (False, True)
    assert first.session == second.session
    assert len(await outbox_events(session, SessionCompleted)) == 1


async def test_a_repetition_may_send_results_in_another_order(
    save: Callable[..., Any], new_body: NewBody
) -> None:
    body = new_body()
    await save(body, key="k")
    reversed_body = body | {"results": list(reversed(body["results"]))}
    assert (await save(reversed_body, key="k")).replayed
    first, second, third = body["results"]
    other_order = [first | {"sequence_number": 2}, second | {"sequence_number": 1}, third]
    with pytest.raises(IdempotencyConflict):
        await save(body | {"results": other_order}, key="k")


async def test_a_repetition_may_come_from_another_time_zone(
    save: Callable[..., Any], new_body: NewBody
) -> None:
    names, offset = ("started_at", "completed_at"), timezone(timedelta(hours=9))
    body = new_body()
    in_tokyo = {name: datetime.fromisoformat(body[name]).astimezone(offset).isoformat() for name in names}
    first, again = await save(body | in_tokyo, key="k"), await save(body, key="k")
    assert again.replayed
    assert (first.session.utc_offset_minutes, again.session) == (540, first.session)


async def test_every_request_without_a_key_saves_a_session(
    save: Callable[..., Any], new_body: NewBody
) -> None:
    body = new_body()
    first, second = await save(body), await save(body)
    assert first.session.id != second.session.id


async def test_an_id_in_the_body_is_also_a_key(save: Callable[..., Any], new_body: NewBody) -> None:
    body = new_body(id=str(uuid4()))
    first = await save(body)
    assert str(first.session.id) == body["id"]
    assert (await save(body)).replayed
    assert (await save(body, key="k")).session == first.session
    with pytest.raises(IdempotencyConflict):
        await save(body | {"duration_seconds": 1})


async def test_the_id_of_a_session_may_be_in_the_body_or_in_the_key(
    save: Callable[..., Any], new_body: NewBody
) -> None:
    for step in (1, -1):
        body, session_id = new_body(), uuid4()
        forms = [(body, str(session_id).upper()), (body | {"id": str(session_id)}, None)][::step]
        first, second = [await save(form, key=key) for form, key in forms]
        assert (first.replayed, second.replayed) == (False, True)
        assert first.session == second.session
        with pytest.raises(IdempotencyConflict):
            await save(body | {"id": str(session_id), "duration_seconds": 1})
        with pytest.raises(IdempotencyConflict):
            await save(body | {"id": str(uuid4())}, key=str(session_id))


async def test_reusing_a_key_for_another_body_is_a_conflict(
    save: Callable[..., Any], new_body: NewBody
) -> None:
    body = new_body()
    await save(body, key="k")
    with pytest.raises(IdempotencyConflict):
        await save(body | {"duration_seconds": 1}, key="k")


async def test_keys_are_unique_per_learner_and_ids_globally(
    save: Callable[..., Any], new_body: NewBody
) -> None:
    body = new_body()
    first = await save(body, key="k")
    assert (await save(body, key="k", by=uuid4())).session.id != first.session.id
    with pytest.raises(IdempotencyConflict):
        await save(body | {"id": str(first.session.id)}, by=uuid4())


async def test_a_session_with_a_deleted_speech_can_be_saved(
    session: AsyncSession, save: Callable[..., Any], new_body: NewBody, speeches: list[SpeechSnapshot]
) -> None:
    deletion = SpeechRef(speech_id=speeches[0].speech_id, revision=2)
    await record_speech_deletion(session, deletion, deleted_at=datetime.now(UTC))
    assert not (await save(new_body())).replayed


async def test_a_receipt_verifies_a_score_once(
    session: AsyncSession, learner: UUID, save: Callable[..., Any], new_body: NewBody, new_receipt: NewReceipt
) -> None:
    body = new_body()
    receipt_fields = {"recognized_text": "good morning", "scorer": "new-2"}
    receipt = new_receipt(learner, text="Good morning.", score=90.0, **receipt_fields)
    body["results"][0] |= {"receipt": receipt, "pronunciation_score": None}
    first, second = await save(body), await save(body)
    for saved, verified, scorer in ((first, True, "new-2"), (second, False, None)):
        assert saved.session.avg_pronunciation_score == 85.25
        result, *others = await list_results(session, saved)
        assert (result.verified, result.pronunciation_score, result.scorer) == (verified, 90.0, scorer)
        assert result.recognized_text == "good morning"
        assert not any(other.verified or other.scorer for other in others)
    events = await outbox_events(session, SessionCompleted)
    announced = [(event.data.results[0].verified, event.data.results[0].scorer) for event in events]
    assert announced == [(True, "new-2"), (False, None)]


async def test_a_receipt_without_a_scorer_verifies_a_score(
    session: AsyncSession, learner: UUID, save: Callable[..., Any], new_body: NewBody, new_receipt: NewReceipt
) -> None:
    body = new_body()
    body["results"][0]["receipt"] = new_receipt(learner, text="Good morning.", score=90.0)
    result, *_ = await list_results(session, await save(body))
    assert (result.verified, result.scorer) == (True, None)


async def test_a_receipt_verifies_one_result_of_a_session(
    session: AsyncSession,
    learner: UUID,
    save: Callable[..., Any],
    new_body: NewBody,
    new_receipt: NewReceipt,
    speeches: list[SpeechSnapshot],
) -> None:
    body = new_body()
    body["results"][1]["speech_id"] = body["results"][0]["speech_id"]
    receipt = new_receipt(learner, text="Good morning.", score=90.0)
    for result in body["results"][:2]:
        result |= {"receipt": receipt, "pronunciation_score": 90.0}
    stored_results = await list_results(session, await save(body))
    assert [result.verified for result in stored_results] == [True, False, False]


async def test_a_receipt_for_an_earlier_text_is_accepted(
    session: AsyncSession,
    learner: UUID,
    save: Callable[..., Any],
    new_body: NewBody,
    new_receipt: NewReceipt,
    speeches: list[SpeechSnapshot],
) -> None:
    edited = speeches[0].model_copy(update={"revision": 2, "text": "Good evening."})
    await store_speech_revision(session, edited, since=datetime.now(UTC))
    body = new_body()
    body["results"][0]["receipt"] = new_receipt(learner, text="Good morning.", score=90.0)
    assert (await list_results(session, await save(body)))[0].verified


OTHER_KEYS = SigningKeys({"keys": [create_signing_key()]})


@pytest.mark.parametrize(
    "claims",
    [
        {"keys": OTHER_KEYS},
        {"sub": str(uuid4())},
        {"exp": 1},
        {"aud": "parley-api"},
        {"iss": "parley"},
        {"text": "Something else."},
        {"score": 89.0},
        {"score": "high"},
    ],
    ids=lambda claims: "-".join(claims),
)
async def test_an_invalid_receipt_leaves_the_score_unverified(
    session: AsyncSession,
    learner: UUID,
    save: Callable[..., Any],
    new_body: NewBody,
    new_receipt: NewReceipt,
    claims: dict[str, Any],
) -> None:
    body = new_body()
    defaults = {"text": "Good morning.", "score": 90.0, "scorer": "new-2"}
    body["results"][0]["receipt"] = new_receipt(learner, **{**defaults, **claims})
    result, *_ = await list_results(session, await save(body))
    assert (result.verified, result.pronunciation_score, result.scorer) == (False, 90.0, None)


@pytest.mark.parametrize("junk", ["", "x", "a.b.c", "é.ü.ñ", "eyJhbGciOiJub25lIn0.e30."])
async def test_a_malformed_receipt_is_ignored(
    session: AsyncSession, save: Callable[..., Any], new_body: NewBody, junk: str
) -> None:
    body = new_body()
    body["results"][0]["receipt"] = junk
    assert not (await list_results(session, await save(body)))[0].verified


async def test_parallel_requests_with_one_key_save_one_session(
    committed_database: Database,
    learner: UUID,
    receipts: ReceiptVerifier,
    new_body: NewBody,
    new_receipt: NewReceipt,
    catalogue: list[SpeechSnapshot],
) -> None:
    async with committed_database.transaction() as session:
        for snapshot in catalogue:
            await store_speech_revision(session, snapshot, since=datetime(2026, 1, 1, tzinfo=UTC))
    body = new_body()
    body["results"][0]["receipt"] = new_receipt(learner, text="Good morning.", score=90.0)

    async def save_it(key: str) -> SaveResult:
        async with committed_database.transaction() as session:
            new = SessionCreate.model_validate(body)
            return await save_session(session, learner, new=new, key=key, receipts=receipts)

    responses = await asyncio.gather(*(save_it("k") for _ in range(10)))
    assert len({response.session.id for response in responses}) == 1
    assert sorted(response.replayed for response in responses) == [False] + [True] * 9
    others = await asyncio.gather(*(save_it(f"k{number}") for number in range(5)))
    async with committed_database.transaction() as session:
        stored_results = [
            (await list_results(session, response))[0].verified for response in (responses[0], *others)
        ]
        assert stored_results == [True] + [False] * 5
        assert len(await outbox_events(session, SessionCompleted)) == 6
        assert list(await session.scalars(select(PractisedTag.sessions))) == [6]
        await erase_user(session, learner)
        assert await session.scalar(select(func.count()).select_from(GameResult)) == 0
