"""An export is complete, contains only the learner's data, and never looks complete if it is not."""

import asyncio
import socket
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import uvicorn
from contracts.content import SpeechSnapshot
from contracts.game import SessionCompleted
from fastapi import FastAPI
from game.app import create_app
from game.commands.activity import add_daily_activity
from game.commands.sessions import save_session
from game.commands.speeches import store_speech_revision
from game.commands.users import erase_user
from game.export.budget import MAX_BYTES, STREAM_BYTES
from game.models import (
    DailyActivity,
    GameResult,
    GameSession,
    PractisedPhoneme,
    PractisedScorer,
    PractisedSpeech,
    PractisedTag,
    Review,
    UsedReceipt,
)
from game.queries import export, export_rows
from game.receipts import ReceiptVerifier
from game.schemas.export import (
    ExportedDay,
    ExportedPractisedPhoneme,
    ExportedPractisedScorer,
    ExportedPractisedSpeech,
    ExportedPractisedTag,
    ExportedResult,
    ExportedReview,
    ExportedSession,
)
from game.schemas.sessions import SessionCreate
from game.settings import ApiSettings
from pydantic import SecretStr
from shared.data.db import Base, Database
from shared.security.jwt import SigningKeys, StaticKeys
from shared.testing import TokenFor, api_client, outbox_events
from sqlalchemy import func, insert, select, text
from structlog.testing import capture_logs

type NewBody = Callable[..., dict[str, Any]]
type NewReceipt = Callable[..., str]
type NewSnapshot = Callable[..., SpeechSnapshot]
type Read = Callable[..., Awaitable[dict[str, Any]]]
type Save = Callable[..., Awaitable[str]]

EXPORT = "/internal/users/me/export"
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
PRACTISED = ("practised_tags", "practised_scorers", "practised_phonemes", "practised_speeches")
NOTHING: dict[str, Any] = {
    "daily_activity": [],
    "sentences_per_day": None,
    "used_receipts": 0,
    "sessions": [],
    "reviews": [],
}
NOTHING |= {table: [] for table in PRACTISED}

EXPORTED = {"game_sessions", "game_results", "daily_activity", "daily_goals", "used_receipts", "reviews"}
EXPORTED |= {*PRACTISED}
"""Tables whose rows are exported."""
NOT_PERSONAL = {"speech_revisions", "speech_deletions", "tag_names", "inbox", "audit_log"} | {
    *("daily_levels", "daily_tags", "daily_scores", "daily_tag_scores", "daily_phonemes"),
    *("daily_registrations", "speech_figures", "speech_scores"),
}
OF_ERASED_USERS = {"erased_users"}
"""Tables with a row for each erased user."""
TRANSIENT = {"outbox", "uncounted_sessions"}
"""Tables of pending events and session ids, whose content is exported with the sessions."""
# The owner, the digest of the request, the two values from which the exported average is computed, and
# whether the exported practice includes the session.
INTERNAL = {"user_id", "session_id", "request_sha256", "score_sum", "scored_count", "practice_counted"}


@pytest.fixture
async def played(
    save: Save, database: Database, learner: UUID, new_receipt: NewReceipt, new_body: NewBody
) -> str:
    """The id of a counted session with a used receipt."""
    results = new_body()["results"]
    results[0] |= {
        "receipt": new_receipt(
            learner, text="Good morning.", score=91.5, scorer="new-2", phonemes=[["TH", 2, 120.5]]
        ),
        "pronunciation_score": 91.5,
        "recognized_text": "good mourning",
    }
    tags = [str(UUID(int=1)), str(UUID(int=2))]
    session_id = await save(NOON, results=results, selected_tags=tags, sentence_type="answer")
    await _count_activity(database)
    return session_id


@asynccontextmanager
async def serve(app: FastAPI) -> AsyncIterator[str]:
    """Serve the application on a port; yield its URL."""
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.create_task(server.serve([listener]))
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        await serving


async def _count_activity(database: Database) -> None:
    async with database.transaction() as session:
        for event in await outbox_events(session, SessionCompleted):
            await add_daily_activity(session, event.data)


def test_every_table_and_column_is_exported_or_excluded_on_purpose() -> None:
    tables = Base.metadata.tables
    assert set(tables) == EXPORTED | NOT_PERSONAL | OF_ERASED_USERS | TRANSIENT
    assert not [name for name in NOT_PERSONAL | TRANSIENT if "user_id" in tables[name].columns]
    exported: dict[type[Base], set[str]] = {
        GameSession: {*ExportedSession.model_fields},
        GameResult: {*ExportedResult.model_fields, "speech_id"},
        DailyActivity: {*ExportedDay.model_fields},
        Review: {*ExportedReview.model_fields},
        PractisedTag: {*ExportedPractisedTag.model_fields},
        PractisedScorer: {*ExportedPractisedScorer.model_fields},
        PractisedPhoneme: {*ExportedPractisedPhoneme.model_fields},
        PractisedSpeech: {*ExportedPractisedSpeech.model_fields},
    }
    for table, fields in exported.items():
        assert set(table.__table__.columns.keys()) - INTERNAL <= fields


async def test_an_export_contains_all_data_of_the_learner(
    played: str,
    client: httpx.AsyncClient,
    read: Read,
    database: Database,
    speeches: list[SpeechSnapshot],
) -> None:
    await client.put("/api/v1/game/goal", json={"sentences_per_day": 20})
    document = await read(EXPORT)
    assert (document["sentences_per_day"], document["used_receipts"]) == (20, 1)
    (day,) = document["daily_activity"]
    assert day == {"day": "2026-03-10", "sessions": 1, "sentences": 3, "correct": 2, "seconds": 300}
    started = "2026-03-10T11:55:00Z"
    assert document["practised_tags"] == [
        {"tag_id": str(UUID(int=1)), "sessions": 1, "sentences": 3, "correct": 2}
        | {"score_sum": 172.0, "scored_count": 2}
    ]
    assert document["practised_scorers"] == [
        {"scorer": "new-2", "utc_offset_minutes": 1440, "scores": 1, "score_sum": 91.5}
        | {"first_used_at": "2026-03-10T12:00:00Z", "last_used_at": "2026-03-10T12:00:00Z"}
    ]
    assert document["practised_phonemes"] == [
        {"scorer": "new-2", "symbol": "TH", "scores": 2, "score_sum": 120.5, "last_scored_at": started}
    ]
    practised = {row.pop("speech_id"): row for row in document["practised_speeches"]}
    assert set(practised) == {str(speech.speech_id) for speech in speeches[:2]}
    assert practised[str(speeches[0].speech_id)] == {
        **{"attempts": 1, "correct": 1, "scores": 1, "score_sum": 91.5},
        **{"last_played_at": started, "estimated_rate": pytest.approx(9.915 / 12)},
    }
    (exported,) = document["sessions"]
    detail = await read(f"/api/v1/game/sessions/{played}")
    assert (
        exported.items()
        >= {name: detail[name] for name in detail if name not in ("results", "selected_tags")}.items()
    )
    assert exported["selected_tags"] == [
        {"id": str(UUID(int=1)), "name": "greetings"},
        {"id": str(UUID(int=2)), "name": None},
    ]
    assert exported["results"][0] == {
        "sequence_number": 1,
        "speech": {
            "id": str(speeches[0].speech_id),
            "text": "Good morning.",
            "level": "A1",
            "type": "answer",
        },
        "user_response": "correct",
        "response_time_ms": 1000,
        "pronunciation_score": 91.5,
        "verified": True,
        "scorer": "new-2",
        "phonemes": [["TH", 2, 120.5]],
        "recognized_text": "good mourning",
    }
    assert [result["sequence_number"] for result in exported["results"]] == [1, 2, 3]
    exported_reviews = {review["speech_id"]: review for review in document["reviews"]}
    assert exported_reviews.keys() == {str(speech.speech_id) for speech in speeches[:2]}
    assert exported_reviews[str(speeches[0].speech_id)]["pronunciation_score"] == 91.5
    async with database.transaction() as session:
        stored_session = (await session.scalars(select(GameSession))).one()
        receipt_count = await session.scalar(select(func.count()).select_from(UsedReceipt))
    assert (exported["idempotency_key"], receipt_count) == (stored_session.idempotency_key, 1)
    assert datetime.fromisoformat(exported["saved_at"]) == stored_session.saved_at


@pytest.mark.parametrize(("results", "size"), [(2, 10**6), (4, 10**6), (1, 10**6), (100, 1), (100, 40)])
async def test_pages_export_every_result_once(
    save: Save, read: Read, monkeypatch: pytest.MonkeyPatch, results: int, size: int
) -> None:
    # Sessions completed at the same instant are split between pages.
    saved = [await save(NOON + timedelta(hours=hours)) for hours in (0, 1, 1, 1, 2)]
    on_one_page = await read(EXPORT)
    monkeypatch.setattr(export, "MAX_PAGE_RESULTS", results)
    monkeypatch.setattr(export, "MAX_PAGE_BYTES", size)
    monkeypatch.setattr(export_rows, "MAX_PAGE_ROWS", min(results, 2))
    document = await read(EXPORT)
    assert document == on_one_page
    assert [session["id"] for session in document["sessions"]] == [saved[0], *sorted(saved[1:4]), saved[4]]
    numbers = [
        [result["sequence_number"] for result in session["results"]] for session in document["sessions"]
    ]
    assert numbers == [[1, 2, 3]] * 5


async def test_a_stream_uses_no_more_memory_than_reserved(
    database: Database, learner: UUID, new_snapshot: NewSnapshot, save: Save
) -> None:
    # The longest texts, of characters that take more bytes in JSON: quotes, and those outside the BMP.
    speech = new_snapshot(text='"\U0001f600' * 2500)
    session_id = await save(NOON)
    row = {"session_id": session_id, "speech_id": speech.speech_id, "user_response": "correct"}
    row |= {"response_time_ms": 1, "verified": False, "recognized_text": '"\U0001f600' * 1000}
    async with database.transaction() as session:
        await store_speech_revision(session, speech, since=NOON)
        rows = [row | {"sequence_number": number} for number in range(4, 201)]
        await session.execute(insert(GameResult), rows)

    async def measure() -> tuple[int, int]:
        sizes = [len(chunk) async for chunk in await export.export_game_data(database, learner)]
        return max(sizes), sum(sizes)

    await measure()
    tracemalloc.start()
    largest, total = await measure()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert total > 4_000_000
    assert largest + peak < STREAM_BYTES, (largest, peak)


async def test_a_slow_client_keeps_no_transaction_open(
    committed_database: Database,
    catalogue: list[SpeechSnapshot],
    learner: UUID,
    receipt_keys: SigningKeys,
    new_body: NewBody,
) -> None:
    new, receipts = SessionCreate.model_validate(new_body()), ReceiptVerifier(StaticKeys(receipt_keys.public))
    async with committed_database.transaction() as session:
        for snapshot in catalogue:
            await store_speech_revision(session, snapshot, since=NOON)
        await save_session(session, learner, new=new, key=None, receipts=receipts)
    document = await export.export_game_data(committed_database, learner)
    assert [bool(await anext(document)) for _ in range(2)] == [True, True]
    async with committed_database.transaction() as session:
        query = "SELECT state FROM pg_stat_activity WHERE datname = current_database()"
        assert "idle in transaction" not in set(await session.scalars(text(query)))


async def test_a_user_can_run_one_export_at_a_time(
    app: FastAPI, client: httpx.AsyncClient, learner: UUID, read: Read
) -> None:
    with app.state.export_budget.reserve(learner):
        response = await client.get(EXPORT)
        assert (response.status_code, response.json()["code"]) == (429, "export_running")
        assert int(response.headers["retry-after"]) > 0
    for _ in range(2):
        assert await read(EXPORT) == NOTHING


async def test_exports_above_the_total_limit_are_refused(app: FastAPI, client: httpx.AsyncClient) -> None:
    with ExitStack() as streams:
        for _ in range(MAX_BYTES // STREAM_BYTES):
            streams.enter_context(app.state.export_budget.reserve(uuid4()))
        response = await client.get(EXPORT)
    assert (response.status_code, response.json()["code"]) == (503, "exports_full")
    assert int(response.headers["retry-after"]) > 0
    assert (await client.get(EXPORT)).status_code == 200


async def test_a_client_that_disconnects_releases_its_reservation(
    played: str, app: FastAPI, learner: UUID, token_for: TokenFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "_get_page", wait_forever)
    headers = {"Authorization": f"Bearer {token_for(learner)}"}
    async with serve(app) as url, httpx.AsyncClient(base_url=url, headers=headers) as client:
        for _ in range(3):
            async with client.stream("GET", EXPORT) as response:
                assert response.status_code == 200
            await asyncio.sleep(0.1)


async def wait_forever(*_: object, **__: object) -> None:
    await asyncio.Event().wait()


async def test_an_export_contains_no_data_of_others(
    played: str, app: FastAPI, token_for: TokenFor, read: Read
) -> None:
    async with api_client(app, token=token_for(uuid4(), role="admin")) as other:
        assert await read(EXPORT, by=other) == NOTHING


async def test_an_erased_user_gets_no_export(
    played: str, database: Database, learner: UUID, read: Read, client: httpx.AsyncClient
) -> None:
    assert (await read(EXPORT))["sessions"]
    async with database.transaction() as session:
        await erase_user(session, learner)
    response = await client.get(EXPORT)
    assert (response.status_code, response.json()["code"]) == (401, "unauthorized")


async def test_an_export_requires_an_access_token(app: FastAPI) -> None:
    async with api_client(app) as anyone:
        response = await anyone.get(EXPORT)
    assert (response.status_code, response.json()["code"]) == (401, "unauthorized")


async def test_an_export_is_neither_cached_nor_documented(client: httpx.AsyncClient, app: FastAPI) -> None:
    response = await client.get(EXPORT)
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["content-type"] == "application/json"
    assert not [path for path in app.openapi()["paths"] if path.startswith("/internal")]


async def test_a_failure_before_the_first_byte_returns_a_problem(
    settings: ApiSettings, token_for: TokenFor
) -> None:
    unreachable_url = SecretStr("postgresql+asyncpg://127.0.0.1:1/nowhere")
    app = create_app(settings.model_copy(update={"database_url": unreachable_url}))
    async with api_client(app, token=token_for(uuid4())) as client:
        response = await client.get(EXPORT)
    assert (response.status_code, response.json()["code"]) == (503, "database_unavailable")


async def test_a_failure_midway_aborts_the_connection(
    played: str, app: FastAPI, learner: UUID, token_for: TokenFor, database: Database
) -> None:
    async with database.transaction() as session:
        await session.execute(text("DROP TABLE game_results"))
    headers = {"Authorization": f"Bearer {token_for(learner)}"}
    async with serve(app) as url, httpx.AsyncClient(base_url=url, headers=headers) as client:
        # Logs are captured because formatting a traceback takes seconds.
        with capture_logs() as logs, pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
            await client.get(EXPORT)
    assert "unhandled_exception" in {line["event"] for line in logs}
