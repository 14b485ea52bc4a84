"""RabbitMQ is killed while learners save games: every save succeeds, and no effect is lost or doubled."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest

from deploy.local.stack import Stack
from tests.journey import Learner, build_session

pytestmark = pytest.mark.journey

SAVES = 50


async def get_statistics(admin: Learner, speech: dict[str, Any]) -> dict[str, Any]:
    statistics: dict[str, Any] = (await admin.get(f"/admin/speeches/{speech['id']}")).json()["statistics"]
    return statistics


async def count_sessions(admin: Learner, day: date) -> int:
    overview = await admin.get("/admin/analytics/overview", **{"from": str(day), "to": str(day)})
    assert overview.status_code == 200, overview.text
    return sum(day["sessions"] for day in overview.json()["days"])


async def test_every_save_succeeds_and_has_its_effects_exactly_once(
    system: Stack, gateway: httpx.AsyncClient, learner: Learner, admin: Learner
) -> None:
    [speech] = await learner.draw(level="C2", limit=1)
    # On a separate day, on which no other test plays.
    completed_at = datetime.now(UTC) - timedelta(days=200)
    times = {
        "started_at": (completed_at - timedelta(minutes=1)).isoformat(),
        "completed_at": completed_at.isoformat(),
    }
    game = build_session([speech], level="C2", **times)
    plays = (await get_statistics(admin, speech))["plays"]
    assert await count_sessions(admin, completed_at.date()) == 0

    broker = system.servers["rabbitmq"]
    statuses = []
    for number in range(SAVES):
        if number == SAVES // 5:
            await asyncio.to_thread(broker.kill)
        response = await learner.post("/game/sessions", game, **{"Idempotency-Key": f"save-{number}"})
        statuses.append(response.status_code)
    assert statuses == [201] * SAVES
    assert (await gateway.get("/ready")).status_code == 200
    await asyncio.to_thread(broker.start)

    async def count_effects() -> tuple[int, int]:
        counted = await count_sessions(admin, completed_at.date())
        return (await get_statistics(admin, speech))["plays"] - plays, counted

    async with asyncio.timeout(60):
        while min(await count_effects()) < SAVES:  # noqa: ASYNC110 - another system's work
            await asyncio.sleep(0.3)
    await asyncio.sleep(2)
    assert await count_effects() == (SAVES, SAVES)
