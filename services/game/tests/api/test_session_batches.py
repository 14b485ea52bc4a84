"""Each session of a batch has the outcome that it would have alone."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from contracts.content import SpeechSnapshot
from fastapi import FastAPI
from game.app import create_app
from game.commands import session_batches
from game.commands.speeches import store_speech_revision
from game.commands.users import erase_user
from game.settings import ApiSettings
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import SecretStr
from shared.data.db import Database
from shared.errors import Invalid
from shared.testing import TokenFor, api_client

type NewBody = Callable[..., dict[str, Any]]
type NewReceipt = Callable[..., str]
type Send = Callable[..., Awaitable[list[dict[str, Any]]]]

SESSIONS, BATCH = "/api/v1/game/sessions", "/api/v1/game/sessions:batch"


async def send_by(client: httpx.AsyncClient, *sessions: Any) -> list[dict[str, Any]]:
    """Return the results of a batch, whose number equals that of the sessions."""
    response = await client.post(BATCH, json={"sessions": sessions})
    assert response.status_code == 200, response.text
    results: list[dict[str, Any]] = response.json()["results"]
    assert len(results) == len(sessions)
    return results


@pytest.fixture
def send(client: httpx.AsyncClient, speeches: list[SpeechSnapshot]) -> Send:
    """Sends a batch and returns its results: `await send(session, session)`."""

    async def call(*sessions: Any) -> list[dict[str, Any]]:
        return await send_by(client, *sessions)

    return call


@pytest.fixture
def new_session(new_body: NewBody) -> NewBody:
    """Creates a session with an id: `new_session(**fields)`."""
    return lambda **different: new_body(id=str(uuid4()), **different)


def list_statuses(results: list[dict[str, Any]]) -> list[int]:
    return [outcome["status"] for outcome in results]


async def test_each_session_has_the_response_of_a_single_request(
    client: httpx.AsyncClient, send: Send, new_session: NewBody
) -> None:
    bad = [
        new_session(level="A3"),
        new_session(levle="A1"),
        new_session(correct_count=0),
        new_session(results=[]),
        new_session(started_at="1970-01-01T00:00:00Z"),
        new_session(results=[{**new_session()["results"][0], "speech_id": str(uuid4())}]),
    ]
    valid_sessions = [new_session(), new_session(level="B1")]
    results = await send(valid_sessions[0], *bad, valid_sessions[1])
    assert list_statuses(results) == [201, 422, 422, 422, 422, 422, 404, 201]
    for session, result in zip(bad, results[1:-1], strict=True):
        single = await client.post(SESSIONS, json=session)
        expected = {**single.json(), "request_id": result["problem"]["request_id"]}
        assert (result["id"], result["status"]) == (session["id"], single.status_code)
        assert (result["problem"], result["session"]) == (expected, None)
    for session, result in zip(valid_sessions, (results[0], results[-1]), strict=True):
        single = await client.post(SESSIONS, json=session)
        assert single.headers["idempotency-replayed"] == "true"
        assert (result["id"], result["session"]) == (session["id"], single.json()["session"])
        assert (result["replayed"], result["problem"], result["retry_after"]) == (False, None, None)


async def test_a_repeated_batch_gets_the_same_responses(
    client: httpx.AsyncClient, send: Send, new_session: NewBody
) -> None:
    sessions = [new_session(), new_session(level="A3"), new_session()]
    assert (await client.post(SESSIONS, json=sessions[2])).status_code == 201
    first, again = await send(*sessions), await send(*sessions)
    assert [outcome["replayed"] for outcome in (*first, *again)] == [False, False, True, True, False, True]
    assert [outcome["session"] for outcome in first] == [outcome["session"] for outcome in again]
    assert list_statuses(again) == list_statuses(first) == [201, 422, 201]


async def test_a_session_saved_under_its_id_as_key_is_a_repetition(
    client: httpx.AsyncClient, send: Send, new_session: NewBody
) -> None:
    session = new_session()
    sent = {name: value for name, value in session.items() if name != "id"}
    saved = await client.post(SESSIONS, json=sent, headers={"Idempotency-Key": session["id"]})
    (result,) = await send(session)
    assert (result["id"], result["status"], result["replayed"]) == (session["id"], 201, True)
    assert result["session"] == saved.json()["session"]


async def test_sessions_with_one_id_are_repetitions_or_conflicts(send: Send, new_session: NewBody) -> None:
    session = new_session()
    results = await send(session, session, session | {"duration_seconds": 9})
    assert list_statuses(results) == [201, 201, 409]
    assert [outcome["replayed"] for outcome in results] == [False, True, False]
    assert results[2]["problem"]["code"] == "idempotency_conflict"


async def test_a_session_without_a_valid_id_is_refused(send: Send, new_body: NewBody) -> None:
    for session, pointer in ((new_body(), "#/id"), (new_body(id="7"), "#/id"), ("x", "#"), (None, "#")):
        (result,) = await send(session)
        assert (result["id"], result["status"], result["session"]) == (None, 422, None)
        assert result["problem"]["errors"][0]["pointer"] == pointer
        assert "Content-Type" not in result["problem"]["detail"]


async def test_the_first_of_two_sessions_with_one_receipt_gets_it(
    client: httpx.AsyncClient, learner: UUID, send: Send, new_session: NewBody, new_receipt: NewReceipt
) -> None:
    sessions = [new_session(), new_session()]
    for session in sessions:
        session["results"][0]["receipt"] = new_receipt(
            learner, text="Good morning.", score=90.0, jti="the-same"
        )
    for _ in range(2):
        assert list_statuses(await send(*sessions)) == [201, 201]
    read = [(await client.get(f"{SESSIONS}/{session['id']}")).json() for session in sessions]
    assert [session["results"][0]["verified"] for session in read] == [True, False]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "#/sessions"),
        ({"sessions": []}, "#/sessions"),
        ({"sessions": {}}, "#/sessions"),
        ({"sessions": [{}] * 51}, "#/sessions"),
        ({"sessions": [{}], "session": {}}, "#/session"),
        ([], "#"),
    ],
)
async def test_an_invalid_batch_is_refused_as_a_whole(
    client: httpx.AsyncClient, body: Any, pointer: str
) -> None:
    response = await client.post(BATCH, json=body)
    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, pointer)


async def test_a_batch_may_be_larger_than_a_session(
    client: httpx.AsyncClient, speeches: list[SpeechSnapshot], new_session: NewBody
) -> None:
    json_type = {"Content-Type": "application/json"}
    for path, body, max_bytes, status in (
        (SESSIONS, new_session(), 393_216, 201),
        (BATCH, {"sessions": [new_session()]}, 983_040, 200),
    ):
        largest = json.dumps(body).encode().ljust(max_bytes)
        assert (await client.post(path, content=largest, headers=json_type)).status_code == status
        refused = await client.post(path, content=largest + b" ", headers=json_type)
        assert (refused.status_code, refused.json()["max_bytes"]) == (413, max_bytes)


async def test_a_batch_counts_its_sessions_in_the_limit(
    settings: ApiSettings, learner: UUID, token_for: TokenFor, new_body: NewBody
) -> None:
    limited = settings.model_copy(update={"rate_limit_enabled": True, "rate_limits": {"save_session": 5}})
    async with api_client(create_app(limited), token=token_for(learner)) as client:
        responses = [await client.post(BATCH, json={"sessions": ["x"] * count}) for count in (3, 3, 2)]
        responses.append(await client.post(SESSIONS, json=new_body()))
    assert [response.status_code for response in responses] == [200, 429, 200, 429]
    assert responses[0].headers["ratelimit"].startswith('"save_session";r=2;')
    assert int(responses[1].headers["retry-after"]) > 0


async def test_refused_requests_have_a_limit_and_are_not_parsed_beyond_it(
    settings: ApiSettings, learner: UUID, token_for: TokenFor
) -> None:
    limits = {"save_session": 1, "refused_sessions": 5}
    limited = settings.model_copy(update={"rate_limit_enabled": True, "rate_limits": limits})
    async with api_client(create_app(limited), token=token_for(learner)) as client:
        together = await asyncio.gather(*(client.post(BATCH, json={"sessions": ["x"]}) for _ in range(2)))
        assert sorted(response.status_code for response in together) == [200, 503]
        json_type = {"Content-Type": "application/json"}
        responses = [
            await client.post(path, content=content, headers=json_type)
            for path, content in (
                (BATCH, b'{"sessions": ["x"]}'),
                (BATCH, b'{"sessions": []}'),
                (SESSIONS, b"{"),
                (BATCH, b'{"sessions": [%s]}' % (b"9" * 5000)),
                (SESSIONS, b"{"),
                (BATCH, b"{"),
            )
        ]
        assert (await client.get(SESSIONS)).status_code == 200
    assert [response.status_code for response in responses] == [429, 422, 400, 400, 429, 429]
    names = [response.headers["ratelimit-policy"].split(";")[0] for response in responses]
    assert names == ['"save_session"', *['"refused_sessions"'] * 5]


async def test_an_erased_learner_is_refused_once(
    client: httpx.AsyncClient, database: Database, learner: UUID, new_session: NewBody
) -> None:
    async with database.transaction() as session:
        await erase_user(session, learner)
    response = await client.post(BATCH, json={"sessions": [new_session(), new_session()]})
    assert (response.status_code, response.json()["code"]) == (401, "unauthorized")


async def test_a_batch_that_takes_too_long_is_interrupted(
    send: Send, new_session: NewBody, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_batches, "MAX_SECONDS", -1.0)
    for result in await send(new_session(), new_session()):
        assert (result["status"], result["problem"]["code"]) == (503, "batch_interrupted")
        assert result["retry_after"] == 1


async def test_other_requests_are_processed_between_invalid_sessions(
    app: FastAPI, database: Database, learner: UUID
) -> None:
    processed: list[str] = []

    def validate() -> Iterator[Invalid]:
        for _ in range(3):
            processed.append("session")
            yield Invalid("It is not valid.")

    async def process_another() -> None:
        processed.append("other")

    other = asyncio.create_task(process_another())
    receipts = app.state.receipt_verifier
    await session_batches.save_sessions(database, learner, sessions=validate(), receipts=receipts)
    await other
    assert processed[-1] == "session"


class TroubledVerifier:
    """Verifies no receipt, and is in trouble at some of them."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url.replace("postgresql+asyncpg://", "postgresql://")
        self.arrived, self.opened = asyncio.Event(), asyncio.Event()

    async def verify(self, receipt: str, **_: object) -> None:
        if receipt == "unexpected":
            raise RuntimeError
        if receipt == "outage":
            await self._close_connections()
        if receipt == "slow":
            self.arrived.set()
            await self.opened.wait()

    async def _close_connections(self) -> None:
        connection = await asyncpg.connect(self._url)
        await connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'Parley game'"
        )
        await connection.close()


@pytest.fixture
def verifier(database_url: str) -> TroubledVerifier:
    return TroubledVerifier(database_url)


@pytest.fixture
async def failing_app(
    settings: ApiSettings,
    committed_database: Database,
    catalogue: list[SpeechSnapshot],
    verifier: TroubledVerifier,
) -> FastAPI:
    """An application with its own connections, whose receipts cause trouble."""
    async with committed_database.transaction() as session:
        for snapshot in catalogue:
            await store_speech_revision(session, snapshot, since=datetime(2026, 1, 1, tzinfo=UTC))
    app = create_app(settings)
    app.state.receipt_verifier = verifier
    return app


def add_receipt(session: dict[str, Any], receipt: str) -> dict[str, Any]:
    session["results"][0]["receipt"] = receipt
    return session


async def test_a_repetition_saves_sessions_skipped_because_of_an_outage_or_error(
    failing_app: FastAPI, learner: UUID, token_for: TokenFor, new_session: NewBody
) -> None:
    sessions = [new_session() for _ in range(4)]
    add_receipt(sessions[1], "unexpected")
    add_receipt(sessions[2], "outage")
    async with api_client(failing_app, token=token_for(learner)) as client:
        results = await send_by(client, *sessions)
        assert list_statuses(results) == [201, 500, 503, 503]
        codes = [outcome["problem"]["code"] for outcome in results[1:]]
        assert codes == ["internal_error", "database_unavailable", "database_unavailable"]
        assert all(outcome["retry_after"] for outcome in results[1:])
        failing_app.state.receipt_verifier = TroubledVerifier("")
        repeated = await send_by(client, *(add_receipt(session, "") for session in sessions[1:]), sessions[0])
        assert list_statuses(repeated) == [201] * 4
        assert [outcome["replayed"] for outcome in repeated] == [False, False, False, True]


async def test_without_a_database_a_batch_is_refused_as_a_whole(
    settings: ApiSettings, learner: UUID, token_for: TokenFor, new_session: NewBody
) -> None:
    unreachable_url = SecretStr("postgresql+asyncpg://127.0.0.1:1/nowhere")
    app = create_app(settings.model_copy(update={"database_url": unreachable_url}))
    async with api_client(app, token=token_for(learner)) as client:
        response = await client.post(BATCH, json={"sessions": [new_session() for _ in range(50)]})
    assert (response.status_code, response.json()["code"]) == (503, "database_unavailable")
    assert int(response.headers["retry-after"]) > 0


async def test_a_learner_sends_one_batch_at_a_time_and_delays_no_single_session(
    failing_app: FastAPI,
    learner: UUID,
    token_for: TokenFor,
    new_session: NewBody,
    verifier: TroubledVerifier,
) -> None:
    async with api_client(failing_app, token=token_for(learner)) as client:
        slow = asyncio.create_task(send_by(client, add_receipt(new_session(), "slow")))
        await asyncio.wait_for(verifier.arrived.wait(), 30)
        second = await client.post(BATCH, json={"sessions": [new_session()]})
        assert (second.status_code, second.json()["code"]) == (503, "overloaded")
        assert (await client.post(SESSIONS, json=new_session())).status_code == 201
        assert not slow.done()
        verifier.opened.set()
        assert list_statuses(await slow) == [201]
        assert list_statuses(await send_by(client, new_session())) == [201]


SOME_JSON = st.none() | st.integers() | st.text(max_size=5) | st.just("\ud800") | st.lists(st.none())


@hypothesis_settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    sent=st.lists(SOME_JSON | st.dictionaries(st.text(max_size=3) | st.just("\ud800"), SOME_JSON), max_size=4)
)
async def test_arbitrary_sessions_do_not_prevent_saving_a_valid_one(
    client: httpx.AsyncClient, speeches: list[SpeechSnapshot], new_session: NewBody, sent: list[Any]
) -> None:
    content = json.dumps({"sessions": [*sent, new_session()]}).encode()
    response = await client.post(BATCH, content=content, headers={"Content-Type": "application/json"})
    assert list_statuses(response.json()["results"]) == [422] * len(sent) + [201]
