import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from pydantic import SecretStr
from shared.http.app import create_api
from shared.security import revocation as module
from shared.security.revocation import Revocation, Revocations, RevocationsUnavailable
from shared.testing import TokenFor, api_client
from structlog.testing import capture_logs

from tests.shared.http.demo import read_problem, router

pytestmark = pytest.mark.timed

NOWHERE = "redis://127.0.0.1:1/0"
SEEN_WITHIN_SECONDS = 2.0

type Replica = Callable[..., Awaitable[Revocations]]


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream of this test alone."""
    monkeypatch.setattr(module, "STREAM", f"revocations:{uuid4().hex}")


@pytest.fixture
async def replica(stream: None, base_settings: dict[str, Any]) -> AsyncIterator[Replica]:
    """Make the revocations of several API processes, which follow one Redis."""
    async with AsyncExitStack() as stack:

        async def make(url: str = base_settings["redis_url"].get_secret_value()) -> Revocations:
            revocations = Revocations(url)
            stack.push_async_callback(revocations.close)
            await stack.enter_async_context(revocations.run_follower())
            return revocations

        yield make


async def wait_until(condition: Callable[[], bool]) -> float:
    """Wait until the condition is met and return the seconds that it took."""
    started = time.monotonic()
    async with asyncio.timeout(SEEN_WITHIN_SECONDS):
        while not condition():  # noqa: ASYNC110 - another process's work
            await asyncio.sleep(0.01)
    return time.monotonic() - started


async def test_a_revocation_applies_in_every_process(replica: Replica) -> None:
    auth, game = await replica(), await replica()
    user, session = uuid4(), uuid4()
    await auth.revoke(Revocation(subject=user, min_version=3), Revocation(subject=session))
    assert auth.is_revoked(user, 2)
    await wait_until(lambda: game.is_revoked(user, 2) and game.is_revoked(session, 10**6))
    assert not game.is_revoked(user, 3)
    assert not game.is_revoked(uuid4(), 0)
    assert not game.is_revoked(None, 0)


async def test_a_process_that_starts_later_reads_earlier_revocations(replica: Replica) -> None:
    users = [uuid4() for _ in range(2 * module.PAGE_SIZE + 1)]
    await (await replica()).revoke(*(Revocation(subject=user, min_version=1) for user in users))
    late = await replica()
    assert all(late.is_revoked(user, 0) for user in users)


async def test_a_late_or_repeated_revocation_does_not_undo_a_newer_one(replica: Replica) -> None:
    auth, game = await replica(), await replica()
    user, last = uuid4(), uuid4()
    for version in (2, 1, 2):
        await auth.revoke(Revocation(subject=user, min_version=version))
    await auth.revoke(Revocation(subject=last))
    await wait_until(lambda: game.is_revoked(last, 0))
    assert game.is_revoked(user, 1)
    assert not game.is_revoked(user, 2)


async def test_without_redis_known_revocations_still_apply(replica: Replica) -> None:
    unreachable = await replica(NOWHERE)
    user = uuid4()
    started = time.monotonic()
    with pytest.raises(RevocationsUnavailable):
        await unreachable.revoke(Revocation(subject=user, min_version=1))
    assert time.monotonic() - started < 1
    assert unreachable.is_revoked(user, 0)
    assert not unreachable.is_revoked(uuid4(), 0)


async def test_a_redis_that_recovers_is_read_from_the_beginning(
    replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    auth, game = await replica(), await replica()
    first, second = uuid4(), uuid4()
    await auth.revoke(Revocation(subject=first))
    await wait_until(lambda: game.is_revoked(first, 0))

    async def fail(*_: object, **__: object) -> None:
        raise ConnectionResetError

    with monkeypatch.context() as broken:
        broken.setattr(game._redis, "xrange", fail)
        with pytest.raises(RevocationsUnavailable):
            await game.follow()
    # Another server has replaced the first one, and its clock is behind.
    monkeypatch.setattr(module, "STREAM", f"revocations:{uuid4().hex}")
    entry = Revocation(subject=second).model_dump_json()
    await auth._redis.xadd(module.STREAM, {module.FIELD: entry}, id="1-1")
    await wait_until(lambda: game.is_revoked(second, 0))
    assert game.is_revoked(first, 0)


async def test_revocations_end_with_the_tokens_that_they_concern(
    replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETENTION_SECONDS", 1)
    auth, game = await replica(), await replica()
    user = uuid4()
    await auth.revoke(Revocation(subject=user))
    assert await auth._redis.ttl(module.STREAM) == 1
    await wait_until(lambda: game.is_revoked(user, 0))
    await wait_until(lambda: not game.is_revoked(user, 0))


async def test_the_number_of_stored_revocations_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_REVOCATIONS", 3)
    revocations, users = Revocations(NOWHERE), [uuid4() for _ in range(5)]
    with capture_logs() as logged, pytest.raises(RevocationsUnavailable):
        await revocations.revoke(*(Revocation(subject=user) for user in users))
    assert [user for user in users if revocations.is_revoked(user, 0)] == users[2:]
    assert [(line["event"], line["count"]) for line in logged] == [("revocations_dropped", 2)]
    await revocations.close()


@pytest.fixture
async def client(settings: Any, stream: None) -> AsyncIterator[httpx.AsyncClient]:
    app = create_api(settings, router, title="Test")
    async with api_client(app) as client:
        yield client


async def read_mine(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.get("/mine", headers={"Authorization": f"Bearer {token}"})


async def wait_for_refusal(client: httpx.AsyncClient, token: str) -> httpx.Response:
    async with asyncio.timeout(SEEN_WITHIN_SECONDS):
        while (response := await read_mine(client, token)).status_code == 200:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)
    return response


async def test_a_revoked_token_gets_401_and_a_newer_one_does_not(
    client: httpx.AsyncClient, replica: Replica, token_for: TokenFor
) -> None:
    user, auth = uuid4(), await replica()
    before, after = token_for(user, ver=0), token_for(user, ver=1)
    assert (await read_mine(client, before)).status_code == 200
    await auth.revoke(Revocation(subject=user, min_version=1))
    response = await wait_for_refusal(client, before)
    read_problem(response, status=401, code="unauthorized")
    assert response.headers["www-authenticate"] == "Bearer"
    assert (await read_mine(client, after)).status_code == 200
    assert (await read_mine(client, token_for(user))).status_code == 401


async def test_revoking_a_session_does_not_affect_the_users_other_sessions(
    client: httpx.AsyncClient, replica: Replica, token_for: TokenFor
) -> None:
    user, auth, ended_session, other = uuid4(), await replica(), uuid4(), uuid4()
    await auth.revoke(Revocation(subject=ended_session))
    assert (await wait_for_refusal(client, token_for(user, sid=str(ended_session)))).status_code == 401
    assert (await read_mine(client, token_for(user, sid=str(other)))).status_code == 200


async def test_tokens_stay_valid_without_redis(settings: Any, token_for: TokenFor) -> None:
    app = create_api(settings.model_copy(update={"redis_url": SecretStr(NOWHERE)}), router, title="Test")
    async with api_client(app) as client:
        started = time.monotonic()
        for _ in range(20):
            assert (await read_mine(client, token_for(UUID(int=1)))).status_code == 200
        assert time.monotonic() - started < 1
