import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Annotated, Any

import httpx
import pytest
import structlog
from fastapi import APIRouter, Body, Depends, Query, Request
from pydantic import BaseModel, Field, SecretStr
from shared.errors import Conflict
from shared.http.app import create_api
from shared.http.dependencies import SessionDep
from shared.http.fields import DisplayText
from shared.http.health import Check
from shared.http.ratelimit import per_address, per_user
from shared.security.current_user import CurrentEditor, CurrentUser
from shared.testing import TokenFor, api_client
from sqlalchemy import text
from structlog.testing import capture_logs
from uuid_utils.compat import uuid7

router = APIRouter()

STARTS_WITH_SETTINGS = """
from shared.cli import run
from shared.settings import BrokerSettings, DatabaseSettings
class Both(BrokerSettings, DatabaseSettings):
    pass
run("demo", {"api": lambda _: print(Both())})
"""


class NameTaken(Conflict):
    code = "name_taken"


class Thing(BaseModel):
    name: str = Field(min_length=1, max_length=10)
    sizes: list[int] = []


@router.post("/things")
async def create(thing: Thing) -> Thing:
    return thing


class Title(BaseModel):
    title: Annotated[DisplayText, Field(min_length=1)]


@router.post("/titles")
async def entitle(title: Title) -> Title:
    return title


@router.post("/raw")
async def raw(body: Annotated[bytes, Body()]) -> int:
    return len(body)


@router.get("/taken")
async def taken() -> None:
    raise NameTaken("That name is taken.", name="x")


@router.get("/broken")
async def broken() -> None:
    raise RuntimeError("a secret detail")


@router.get("/paged")
async def paged(limit: Annotated[int, Query(ge=1)]) -> int:
    return limit


@router.get("/mine")
async def mine(caller: CurrentUser) -> str:
    return str(caller.id)


@router.get("/trace")
async def trace() -> str:
    return str(structlog.contextvars.get_contextvars()["traceparent"])


@router.get("/edit")
async def edit(caller: CurrentEditor) -> str:
    return caller.role


@router.get("/row")
async def row(session: SessionDep) -> int:
    return int((await session.execute(text("SELECT 7"))).scalar_one())


@router.get("/limited", dependencies=[Depends(per_user("limited", per_minute=2))])
async def limited() -> str:
    return "ok"


@router.get("/guarded", dependencies=[Depends(per_address("guarded", per_minute=2, fail_closed=True))])
async def guarded(request: Request) -> str:
    return "ok"


@pytest.fixture
async def client(settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with api_client(create_api(settings, router, title="Test")) as client:
        yield client


def problem_of(response: httpx.Response, *, status: int, code: str) -> dict[str, Any]:
    problem: dict[str, Any] = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    assert (response.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert problem["request_id"] == response.headers["x-request-id"]
    assert problem["type"]
    assert problem["title"]
    assert problem["detail"].endswith(".")
    return problem


async def test_a_failure_is_a_problem_document(client: httpx.AsyncClient) -> None:
    assert problem_of(await client.get("/taken"), status=409, code="name_taken")["name"] == "x"


async def test_an_unexpected_exception_tells_nothing(client: httpx.AsyncClient) -> None:
    response = await client.get("/broken")
    problem_of(response, status=500, code="internal_error")
    assert "secret" not in response.text


async def test_unknown_paths_and_methods_are_problems(client: httpx.AsyncClient) -> None:
    problem_of(await client.get("/nowhere"), status=404, code="not_found")
    response = await client.delete("/things")
    problem_of(response, status=405, code="method_not_allowed")
    assert response.headers["allow"] == "POST"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": ""}, "#/name"),
        ({"name": "x", "sizes": [1, "two"]}, "#/sizes/1"),
        ({"name": ["x"]}, "#/name"),
        ([], "#"),
        ("x", "#"),
        (None, "#"),
    ],
)
async def test_a_schema_violation_points_at_the_field(
    client: httpx.AsyncClient, body: Any, pointer: str
) -> None:
    problem = problem_of(await client.post("/things", json=body), status=422, code="validation_failed")
    assert problem["errors"][0]["pointer"] == pointer


async def test_a_query_parameter_is_named(client: httpx.AsyncClient) -> None:
    problem = problem_of(await client.get("/paged?limit=0"), status=422, code="validation_failed")
    assert problem["errors"][0]["pointer"] == "#/query/limit"


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b'{"name": NaN', b"[" * 100_000, b"9" * 10_000])
async def test_what_is_not_json_is_said_to_be_so(client: httpx.AsyncClient, body: bytes) -> None:
    response = await client.post("/things", content=body, headers={"content-type": "application/json"})
    assert response.status_code in {400, 422}
    assert response.headers["content-type"] == "application/problem+json"


async def test_rejected_input_is_not_repeated(client: httpx.AsyncClient) -> None:
    response = await client.post("/things", json={"name": "hunter2hunter2"})
    assert "hunter2" not in response.text


async def test_a_body_over_the_limit_is_refused_by_its_length(client: httpx.AsyncClient) -> None:
    response = await client.post("/raw", content=b"x" * 1_048_577)
    problem_of(response, status=413, code="payload_too_large")


async def test_a_body_without_a_length_is_refused_when_it_grows(client: httpx.AsyncClient) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 100_000_000:
            sent += 65_536
            yield b"x" * 65_536

    problem_of(await client.post("/raw", content=endless()), status=413, code="payload_too_large")
    assert sent < 2_000_000


async def test_a_body_is_counted_whatever_length_it_claims(client: httpx.AsyncClient) -> None:
    headers = {"Content-Length": "5", "Transfer-Encoding": "chunked"}
    response = await client.post("/raw", content=pieces(17), headers=headers)
    problem_of(response, status=413, code="payload_too_large")


async def test_a_body_at_the_limit_is_taken(client: httpx.AsyncClient) -> None:
    for body in (b"x" * 1_048_576, pieces(16)):
        assert (await client.post("/raw", content=body)).json() == 1_048_576


async def pieces(number: int) -> AsyncIterator[bytes]:
    for _ in range(number):
        yield b"x" * 65_536


async def test_the_request_id_is_taken_over_only_if_it_is_sane(client: httpx.AsyncClient) -> None:
    kept = await client.get("/mine", headers={"X-Request-Id": "client-1234"})
    assert kept.headers["x-request-id"] == "client-1234"
    for insane in ("a\tb", "client-1234\tand more", "x" * 65, "short"):
        replaced = await client.get("/mine", headers={"X-Request-Id": insane})
        assert len(replaced.headers["x-request-id"]) == 32
        assert replaced.headers["x-request-id"] != insane


async def test_the_trace_is_taken_over_only_if_it_is_one(client: httpx.AsyncClient) -> None:
    trace = f"00-{'a' * 32}-{'b' * 16}-01"
    assert (await client.get("/trace", headers={"traceparent": trace})).json() == trace
    for none in ("x", f"{trace}x", f"ff{trace[2:]}"):
        made = (await client.get("/trace", headers={"traceparent": none})).json()
        assert (len(made), made == none) == (len(trace), False)


async def test_a_token_opens_and_nothing_else_does(client: httpx.AsyncClient, token_for: TokenFor) -> None:
    user = uuid7()
    good = {"Authorization": f"Bearer {token_for(user)}"}
    assert (await client.get("/mine", headers=good)).json() == str(user)
    for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": "Basic eDp5"}):
        response = await client.get("/mine", headers=headers)
        problem_of(response, status=401, code="unauthorized")
        assert response.headers["www-authenticate"] == "Bearer"


async def test_roles_are_kept_apart(client: httpx.AsyncClient, token_for: TokenFor) -> None:
    for role, status in (("learner", 403), ("editor", 200), ("admin", 200)):
        headers = {"Authorization": f"Bearer {token_for(uuid7(), role)}"}
        assert (await client.get("/edit", headers=headers)).status_code == status


async def test_readiness_names_each_dependency(settings: Any) -> None:
    app = create_api(settings, router, title="Test")
    async with api_client(app) as client:
        ready = await client.get("/ready")
        assert ready.json() == {"status": "ready", "checks": {"redis": "ok", "postgres": "ok"}}

        async def fails() -> None:
            raise OSError("at 10.0.0.1 with password x")

        app.state.checks["speech"] = Check(fails, required=False)
        assert (await client.get("/ready")).json()["status"] == "ready"
        app.state.checks["disk"] = Check(fails)
        broken = await client.get("/ready")
        assert (broken.status_code, broken.json()["checks"]["disk"]) == (503, "down")
        assert "password" not in broken.text


async def test_a_database_that_is_away_is_a_503(settings: Any) -> None:
    away = settings.model_copy(
        update={"database_url": SecretStr("postgresql+asyncpg://x:x@127.0.0.1:1/x")}  # nothing listens there
    )
    async with api_client(create_api(away, router, title="Test")) as client:
        response = await client.get("/row")
        problem_of(response, status=503, code="database_unavailable")
        assert response.headers["retry-after"]
        assert (await client.get("/ready")).status_code == 503


async def test_the_database_is_used(client: httpx.AsyncClient) -> None:
    assert (await client.get("/row")).json() == 7


async def test_a_limit_is_announced_counted_and_enforced(settings: Any, token_for: TokenFor) -> None:
    app = create_api(settings.model_copy(update={"rate_limit_enabled": True}), router, title="Test")
    async with api_client(app, token=token_for(uuid7())) as client:
        first = await client.get("/limited")
        assert first.headers["ratelimit-policy"] == '"limited";q=2;w=60'
        assert first.headers["ratelimit"].startswith('"limited";r=1;t=')
        await client.get("/limited")
        third = await client.get("/limited")
        problem_of(third, status=429, code="too_many_requests")
        assert 1 <= int(third.headers["retry-after"]) <= 120
        assert third.headers["ratelimit"].startswith('"limited";r=0')
        other = await client.get("/limited", headers={"Authorization": f"Bearer {token_for(uuid7())}"})
        assert other.status_code == 200


async def test_without_redis_limits_fail_open_and_guards_fail_closed(
    settings: Any, token_for: TokenFor
) -> None:
    away = {"rate_limit_enabled": True, "redis_url": SecretStr("redis://127.0.0.1:1/0")}
    app = create_api(settings.model_copy(update=away), router, title="Test")
    async with api_client(app, token=token_for(uuid7())) as client:
        assert (await client.get("/limited")).status_code == 200
        problem_of(await client.get("/guarded"), status=503, code="unavailable")
        ready = await client.get("/ready")
        assert (ready.status_code, ready.json()["checks"]["redis"]) == (200, "down")


async def test_metrics_count_by_route(client: httpx.AsyncClient) -> None:
    await client.get("/paged?limit=3")
    text_format = (await client.get("/metrics")).text
    assert 'route="/paged",status="200"' in text_format
    assert "limit=3" not in text_format
    # Whoever makes up paths makes no new metrics.
    await client.get("/made-up")
    text_format = (await client.get("/metrics")).text
    assert 'route="unmatched",status="404"' in text_format
    assert "/made-up" not in text_format


async def test_the_access_log_has_no_query_and_no_token(
    client: httpx.AsyncClient, token_for: TokenFor
) -> None:
    token = token_for(uuid7())
    with capture_logs() as entries:
        await client.get("/mine?secret=1", headers={"Authorization": f"Bearer {token}"})
    logged = json.dumps(entries)
    assert '"route": "/mine"' in logged
    assert "secret" not in logged
    assert token not in logged


async def test_probes_are_not_in_the_access_log(client: httpx.AsyncClient) -> None:
    with capture_logs() as entries:
        for path in ("/health", "/ready", "/metrics"):
            await client.get(path)
    assert [entry for entry in entries if entry["event"] == "request"] == []


async def test_a_text_is_measured_in_characters(client: httpx.AsyncClient) -> None:
    problem = problem_of(
        await client.post("/titles", json={"title": " "}), status=422, code="validation_failed"
    )
    assert problem["errors"] == [{"pointer": "#/title", "message": "Text should have at least 1 character"}]


def test_settings_that_are_missing_are_named_without_their_values() -> None:
    environment = {"DATABASE_URL": "mysql://secret", "PATH": os.environ["PATH"]}
    command = [sys.executable, "-c", STARTS_WITH_SETTINGS, "api"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)  # noqa: S603 - our own code
    assert done.returncode == 1
    assert done.stderr.startswith("demo cannot start: RABBITMQ_URL: Field required")
    assert "secret" not in done.stderr
