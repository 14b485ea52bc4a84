"""Every service is restarted, replica by replica, under load: no request fails, and no effect is lost."""

import asyncio
import time
from collections.abc import Iterator

import httpx
import pytest

from deploy.local.stack import Stack
from tests.chaos.imports import Imports, wait_until
from tests.drills.load import Traffic, load
from tests.drills.replicas import Replicas, run_replicas
from tests.journey import Learner

pytestmark = pytest.mark.journey

MIN_REQUESTS = 5_000
KINDS = {
    *("register", "login", "refresh", "profile", "tags", "draw", "save", "list", "statistics"),
    *("score", "panel", "upload", "import", "follow"),
}
MAX_STOP_SECONDS = 15.0
EFFECTS = {
    "game": """SELECT (SELECT count(*) FROM game_sessions), (SELECT count(*) FROM game_results),
        (SELECT coalesce(sum(sessions), 0)::bigint FROM daily_levels),
        (SELECT coalesce(sum(sessions), 0)::bigint FROM daily_activity)""",
    "content": "SELECT coalesce(sum(plays), 0)::bigint FROM speech_statistics",
}


@pytest.fixture
def replicas(system: Stack) -> Iterator[Replicas]:
    with run_replicas(system) as running:
        yield running


@pytest.fixture
async def imports(system: Stack, admin: Learner) -> Imports:
    return Imports(system, admin)


async def count_effects(imports: Imports) -> list[int]:
    """Return sessions and results, the sessions that game counted twice over, and the plays of content."""
    rows = [(await imports.fetch(service, query))[0] for service, query in EFFECTS.items()]
    return [int(count) for row in rows for count in row]


async def test_a_rolling_restart_under_load_fails_no_request_and_loses_no_effect(
    replicas: Replicas, imports: Imports
) -> None:
    before = await count_effects(imports)
    async with httpx.AsyncClient(base_url=replicas.url, timeout=30) as client:
        editor = Learner(client, imports.admin.user, imports.admin.token)
        async with load(client, editor) as traffic:
            seconds = await restart_all(replicas)
            await wait_until(traffic.count, None, lambda count: count >= MIN_REQUESTS)
    print(f"{traffic.is_responding.total()} requests, the slowest {traffic.slowest_seconds:.1f} s")  # noqa: T201 - of a failure
    assert traffic.failures == {}
    assert {kind for kind, _ in traffic.is_responding} == KINDS
    assert max(seconds.values()) < MAX_STOP_SECONDS, seconds
    assert {job["state"] for job in traffic.imports} == {"completed"}
    await ensure_counted(imports, before, traffic)


async def restart_all(replicas: Replicas) -> dict[str, float]:
    """Restart each replica, APIs and workers side by side. Return the seconds that each took to stop."""
    seconds = dict[str, float]()

    async def restart_each(role: str) -> None:
        for number in (0, 1):
            for name in (name for name in replicas.pairs if name.endswith(role)):
                seconds[f"{name} {number}"] = await replicas.restart(name, number)
                print(f"{time.monotonic():.1f} {name} {number}: {seconds[f'{name} {number}']:.1f} s")  # noqa: T201 - of a failure

    await asyncio.gather(restart_each("-api"), restart_each("-worker"))
    return seconds


async def ensure_counted(imports: Imports, before: list[int], traffic: Traffic) -> None:
    """Check that each session and each result is counted once, and stays so."""
    sessions, results = traffic.sessions, traffic.results
    expected = [
        before_count + added
        for before_count, added in zip(before, [sessions, results, sessions, sessions, results], strict=True)
    ]

    async def read(_: None) -> list[int]:
        return await count_effects(imports)

    await wait_until(read, None, lambda counts: counts == expected)
    await imports.ensure_nothing_waits()
    await asyncio.sleep(1)
    assert await count_effects(imports) == expected
