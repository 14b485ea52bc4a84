import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from contracts.content import SpeechSnapshot
from game.app import create_app
from game.commands.speeches import store_speech_revision
from game.models import GameSession
from game.schemas.sessions import ResultCreate, SessionCreate
from game.settings import ApiSettings
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import BaseModel
from shared.data.db import Database
from shared.testing import TokenFor, api_client
from sqlalchemy import func, select

type NewBody = Callable[..., dict[str, Any]]

SESSIONS = "/api/v1/game/sessions"


def ensure_problem(response: httpx.Response, *, status: int, code: str) -> dict[str, Any]:
    problem: dict[str, Any] = response.json()
    assert (response.status_code, problem["code"]) == (status, code)
    assert response.headers["content-type"] == "application/problem+json"
    return problem


async def test_saving_a_session_returns_its_summary(
    client: httpx.AsyncClient, speeches: list[SpeechSnapshot], new_body: NewBody
) -> None:
    body = new_body(sentence_type="answer")
    response = await client.post(SESSIONS, json=body)
    assert response.status_code == 201
    assert "idempotency-replayed" not in response.headers
    saved_response = response.json()
    assert saved_response["message"] == "Saved: 2 of 3 sentences correct."
    assert saved_response["session"] == {
        "id": saved_response["session_id"],
        "mode": "listen_and_repeat",
        "level": "A1",
        "sentence_type": "answer",
        "total_sentences": 3,
        "correct_count": 2,
        "incorrect_count": 0,
        "skipped_count": 1,
        "max_streak": 2,
        "avg_pronunciation_score": 85.25,
        "duration_seconds": 300,
        "started_at": body["started_at"].replace("+00:00", "Z"),
        "completed_at": body["completed_at"].replace("+00:00", "Z"),
        "utc_offset_minutes": None,
        "clock_adjusted": False,
    }
    assert not saved_response["clock_adjusted"]


async def test_a_repeated_key_replays_the_first_response(
    client: httpx.AsyncClient, speeches: list[SpeechSnapshot], new_body: NewBody
) -> None:
    key, body = {"Idempotency-Key": "a-b.c:1"}, new_body()
    first = await client.post(SESSIONS, json=body, headers=key)
    again = await client.post(SESSIONS, json=body, headers=key)
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["idempotency-replayed"] == "true"
    other = await client.post(SESSIONS, json=body | {"duration_seconds": 9}, headers=key)
    ensure_problem(other, status=409, code="idempotency_conflict")


@pytest.mark.parametrize("key", ["", "with space", "x" * 256, "naïve".encode(), "tab\there"])
async def test_keys_must_be_visible_ascii(
    client: httpx.AsyncClient, new_body: NewBody, key: str | bytes
) -> None:
    headers = {b"Idempotency-Key": key if isinstance(key, bytes) else key.encode()}
    response = await client.post(SESSIONS, json=new_body(), headers=headers)
    problem = ensure_problem(response, status=422, code="validation_failed")
    message = "must have 1 to 255 characters, all visible ASCII without spaces"
    assert problem["errors"] == [{"pointer": "#/header/idempotency-key", "message": message}]


async def test_twenty_concurrent_requests_save_one_session(
    settings: ApiSettings,
    committed_database: Database,
    learner: UUID,
    token_for: TokenFor,
    catalogue: list[SpeechSnapshot],
    new_body: NewBody,
) -> None:
    async with committed_database.transaction() as session:
        for snapshot in catalogue:
            await store_speech_revision(session, snapshot, since=datetime(2026, 1, 1, tzinfo=UTC))
    app = create_app(settings.model_copy(update={"database_pool_size": 20}))
    async with api_client(app, token=token_for(learner)) as client:
        body, key = new_body(), {"Idempotency-Key": "once"}
        posts = (client.post(SESSIONS, json=body, headers=key) for _ in range(20))
        responses = await asyncio.gather(*posts)
    assert {response.status_code for response in responses} == {201}
    assert len({response.json()["session_id"] for response in responses}) == 1
    assert [response.headers.get("idempotency-replayed") for response in responses].count(None) == 1
    async with committed_database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(GameSession)) == 1


FAR = 10**30


@pytest.mark.parametrize(
    ("different", "pointer"),
    [
        ({"mode": "sing"}, "#/mode"),
        ({"level": "A3"}, "#/level"),
        ({"level": None}, "#/level"),
        ({"sentence_type": "song"}, "#/sentence_type"),
        ({"selected_tags": ["x"]}, "#/selected_tags/0"),
        ({"selected_tags": [str(uuid4())] * 51}, "#/selected_tags"),
        ({"duration_seconds": -1}, "#/duration_seconds"),
        ({"duration_seconds": 366 * 86_400 + 1}, "#/duration_seconds"),
        ({"duration_seconds": FAR}, "#/duration_seconds"),
        ({"duration_seconds": 1.5}, "#/duration_seconds"),
        ({"duration_seconds": "60"}, "#/duration_seconds"),
        ({"duration_seconds": True}, "#/duration_seconds"),
        ({"started_at": "2026-03-01T12:00:00"}, "#/started_at"),
        ({"started_at": "2026-03-01"}, "#/started_at"),
        ({"started_at": 1_700_000_000}, "#/started_at"),
        ({"started_at": "0001-01-01T00:00:00+14:00"}, "#/started_at"),
        ({"started_at": "2026-02-30T12:00:00Z"}, "#/started_at"),
        ({"completed_at": "2999-12-31T23:59:59-14:00"}, "#/completed_at"),
        ({"results": []}, "#/results"),
        ({"results": {}}, "#/results"),
        ({"id": "7"}, "#/id"),
        ({"total_sentences": -1}, "#/total_sentences"),
        ({"avg_pronunciation_score": 101}, "#/avg_pronunciation_score"),
    ],
)
async def test_the_error_for_an_invalid_field_names_it(
    client: httpx.AsyncClient,
    speeches: list[SpeechSnapshot],
    new_body: NewBody,
    different: dict[str, Any],
    pointer: str,
) -> None:
    response = await client.post(SESSIONS, json=new_body(**different))
    problem = ensure_problem(response, status=422, code="validation_failed")
    assert problem["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("speech_id", "x"),
        ("sequence_number", 0),
        ("sequence_number", 4),
        ("sequence_number", 2),
        ("user_response", "maybe"),
        ("response_time_ms", -1),
        ("response_time_ms", 366 * 86_400_000 + 1),
        ("pronunciation_score", 100.1),
        ("pronunciation_score", "90"),
        ("recognized_text", "x" * 2001),
        ("recognized_text", "a\0b"),
        ("receipt", 1),
        ("receipt", "x" * 9000),
    ],
)
async def test_the_error_for_an_invalid_result_names_its_field(
    client: httpx.AsyncClient, speeches: list[SpeechSnapshot], new_body: NewBody, name: str, value: object
) -> None:
    body = new_body()
    body["results"][2][name] = value
    problem = ensure_problem(await client.post(SESSIONS, json=body), status=422, code="validation_failed")
    assert problem["errors"][0]["pointer"] == f"#/results/2/{name}"


async def test_a_client_cannot_send_a_scorer(
    client: httpx.AsyncClient, speeches: list[SpeechSnapshot], new_body: NewBody
) -> None:
    body = new_body()
    body["results"][0]["scorer"] = "offline-1"
    problem = ensure_problem(await client.post(SESSIONS, json=body), status=422, code="unknown_field")
    assert problem["errors"][0]["pointer"] == "#/results/0/scorer"


@pytest.mark.parametrize(
    ("different", "pointer"),
    [
        ({"started_at": "2999-01-01T00:00:00Z"}, "#/completed_at"),
        ({"completed_at": "2020-01-01T00:00:00Z"}, "#/completed_at"),
        ({"started_at": "1970-01-01T00:00:00Z"}, "#/started_at"),
    ],
)
async def test_an_implausible_clock_is_refused(
    client: httpx.AsyncClient, new_body: NewBody, different: dict[str, Any], pointer: str
) -> None:
    response = await client.post(SESSIONS, json=new_body(**different))
    problem = ensure_problem(response, status=422, code="implausible_clock")
    assert problem["errors"][0]["pointer"] == pointer


async def test_a_session_with_a_wrong_clock_is_corrected_and_saved(
    client: httpx.AsyncClient, speeches: list[SpeechSnapshot], new_body: NewBody
) -> None:
    key, ahead = {"Idempotency-Key": "ahead"}, datetime.now(UTC) + timedelta(minutes=6)
    times = {"started_at": ahead - timedelta(minutes=5), "completed_at": ahead}
    body = new_body(**{name: time.isoformat() for name, time in times.items()}, duration_seconds=86_401)
    body["results"][0]["response_time_ms"] = 7_200_000
    first = await client.post(SESSIONS, json=body, headers=key)
    assert first.status_code == 201, first.text
    saved = first.json()["session"]
    assert saved["clock_adjusted"]
    assert first.json()["clock_adjusted"]
    assert saved["duration_seconds"] == 86_400
    started_at, completed_at = (datetime.fromisoformat(saved[name]) for name in times)
    assert completed_at <= datetime.now(UTC)
    assert completed_at - started_at == timedelta(minutes=5)
    # The same request is a repetition, although the server's time has advanced.
    again = await client.post(SESSIONS, json=body, headers=key)
    assert (again.status_code, again.json()) == (201, first.json())
    detail = (await client.get(f"{SESSIONS}/{saved['id']}")).json()
    assert detail["clock_adjusted"]
    assert detail["results"][0]["response_time_ms"] == 3_600_000


async def test_too_many_results_are_refused(client: httpx.AsyncClient, new_body: NewBody) -> None:
    body = new_body()
    body["results"] *= 67
    problem = ensure_problem(await client.post(SESSIONS, json=body), status=422, code="validation_failed")
    assert {"#/results"} == {error["pointer"] for error in problem["errors"]}


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity", "1e999"])
async def test_scores_must_be_finite(
    client: httpx.AsyncClient, speeches: list[SpeechSnapshot], new_body: NewBody, literal: str
) -> None:
    raw = httpx.Request("POST", "http://test", json=new_body()).content.replace(b"80.5", literal.encode())
    response = await client.post(SESSIONS, content=raw, headers={"Content-Type": "application/json"})
    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "#/results/1/pronunciation_score"


async def test_totals_that_differ_from_the_results_are_refused(
    client: httpx.AsyncClient, speeches: list[SpeechSnapshot], new_body: NewBody
) -> None:
    response = await client.post(SESSIONS, json=new_body(correct_count=1, avg_pronunciation_score=99))
    problem = ensure_problem(response, status=422, code="aggregate_mismatch")
    assert problem["errors"] == [
        {"pointer": "#/correct_count", "message": "must be 2, as computed from the results"},
        {"pointer": "#/avg_pronunciation_score", "message": "must be 85.25, as computed from the results"},
    ]


async def test_unknown_speeches_are_refused(client: httpx.AsyncClient, new_body: NewBody) -> None:
    body = new_body()
    problem = ensure_problem(await client.post(SESSIONS, json=body), status=404, code="speech_not_found")
    assert problem["speech_ids"] == sorted(result["speech_id"] for result in body["results"])


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.just("\ud800")
    | st.uuids().map(str)
    | st.datetimes(timezones=st.timezones() | st.none()).map(datetime.isoformat)
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def generate_some(model: type[BaseModel]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(sorted(model.model_fields)), JSON, max_size=2)


@hypothesis_settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(in_session=generate_some(SessionCreate), in_result=generate_some(ResultCreate))
async def test_arbitrary_json_causes_no_server_error(
    client: httpx.AsyncClient,
    speeches: list[SpeechSnapshot],
    new_body: NewBody,
    in_session: dict[str, Any],
    in_result: dict[str, Any],
) -> None:
    body = new_body()
    body["results"][0] |= in_result
    content = json.dumps(body | in_session).encode()
    response = await client.post(SESSIONS, content=content, headers={"Content-Type": "application/json"})
    assert response.status_code in {201, 404, 409, 422}
    if response.status_code == 422:
        assert all(error["pointer"].startswith("#/") for error in response.json()["errors"])
