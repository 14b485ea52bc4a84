"""Seconds are counted once, despite failures of requests, connections and replicas."""

import asyncio
import random
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from prometheus_client import REGISTRY
from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError
from scoring.budget import SpeechBudget, reservations
from scoring.domain.budgets import Limits
from scoring.errors import BudgetExhausted, BudgetUnavailable
from scoring.settings import ApiSettings

NOW = datetime(2031, 11, 26, 23, 59, 30, 500_000, UTC)
MONTH_KEY = "speech_budget:month:2031-11"

type NewBudget = Callable[..., SpeechBudget]


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """The budget's clock: a list of one time, which tests replace."""
    now = [NOW]
    monkeypatch.setattr(reservations, "utc_now", lambda: now[0])
    return now


@pytest.fixture
async def new_budget(settings: ApiSettings, redis: Redis) -> AsyncIterator[NewBudget]:
    """Makes a replica's budget: `new_budget(daily=60, monthly=600)`."""
    budgets = list[SpeechBudget]()

    def make(*, daily: int = 0, monthly: int = 0) -> SpeechBudget:
        limits = Limits.from_seconds(daily_per_learner=daily, monthly=monthly)
        budgets.append(SpeechBudget(settings.redis_url.get_secret_value(), limits))
        return budgets[-1]

    yield make
    for budget in budgets:
        await budget.close()


async def send(budget: SpeechBudget, learner: UUID, seconds: float, *, is_sent: bool = True) -> None:
    async with budget.reserve(learner, seconds=seconds) as send_attempt:
        send_attempt.is_sent = is_sent
        await asyncio.sleep(0)


async def get_ms(redis: Redis, learner: UUID, *, day: str = "2031-11-26") -> tuple[int, int]:
    """Return the used milliseconds of the learner's day and of the month."""
    values = await redis.mget(f"speech_budget:day:{day}:{learner}", MONTH_KEY)
    return int(values[0] or 0), int(values[1] or 0)


async def test_each_learner_has_a_daily_limit_and_all_share_a_monthly_one(
    new_budget: NewBudget, redis: Redis
) -> None:
    budget, learner, other = new_budget(daily=10, monthly=15), uuid4(), uuid4()
    await send(budget, learner, 6)
    await send(budget, learner, 4)
    with pytest.raises(BudgetExhausted) as excinfo:
        await send(budget, learner, 0.001)
    assert excinfo.value.extra == {"budget": "learner_day", "opens_at": "2031-11-27T00:00:00Z"}
    assert excinfo.value.headers == {"Retry-After": "30"}
    await send(budget, other, 5)
    with pytest.raises(BudgetExhausted) as all_spent:
        await send(budget, other, 5)
    assert all_spent.value.extra == {"budget": "month", "opens_at": "2031-12-01T00:00:00Z"}
    assert all_spent.value.headers == {"Retry-After": str(4 * 86_400 + 30)}
    assert (await get_ms(redis, learner), await get_ms(redis, other)) == (
        (10_000, 15_000),
        (5_000, 15_000),
    )


async def test_a_new_day_and_a_new_month_start_at_zero(new_budget: NewBudget, clock: list[datetime]) -> None:
    budget, learner = new_budget(daily=10, monthly=20), uuid4()
    for now in (NOW, datetime(2031, 11, 27, tzinfo=UTC), datetime(2031, 12, 1, tzinfo=UTC)):
        clock[0] = now
        await send(budget, learner, 10)
        with pytest.raises(BudgetExhausted):
            await send(budget, learner, 1)


async def test_redis_is_not_used_without_limits() -> None:
    budget = SpeechBudget("redis://127.0.0.1:1/0", Limits(0, 0))
    await send(budget, uuid4(), 60)
    await budget.close()


async def test_a_single_limit_has_a_single_counter(new_budget: NewBudget) -> None:
    learner = uuid4()
    await send(new_budget(daily=10), learner, 10)
    await send(new_budget(monthly=20), learner, 10)
    with pytest.raises(BudgetExhausted):
        await send(new_budget(daily=10), learner, 1)
    with pytest.raises(BudgetExhausted):
        await send(new_budget(monthly=20), uuid4(), 1)


async def test_a_fraction_of_a_millisecond_counts(new_budget: NewBudget, redis: Redis) -> None:
    budget, learner = new_budget(daily=10), uuid4()
    await send(budget, learner, 2.4850625)
    assert await get_ms(redis, learner) == (2_486, 2_486)


async def test_seconds_that_were_not_sent_are_refunded(new_budget: NewBudget, redis: Redis) -> None:
    budget, learner = new_budget(daily=10, monthly=10), uuid4()
    for _ in range(3):
        await send(budget, learner, 10, is_sent=False)
    with suppress(RuntimeError):
        async with budget.reserve(learner, seconds=10) as send_attempt:
            send_attempt.is_sent = False
            raise RuntimeError
    assert await get_ms(redis, learner) == (0, 0)
    await send(budget, learner, 10)
    assert await get_ms(redis, learner) == (10_000, 10_000)


async def test_a_failure_after_sending_counts(new_budget: NewBudget, redis: Redis) -> None:
    budget, learner = new_budget(daily=10), uuid4()
    with pytest.raises(RuntimeError):
        async with budget.reserve(learner, seconds=10):
            raise RuntimeError
    assert await get_ms(redis, learner) == (10_000, 10_000)


async def test_a_refund_applies_to_the_day_that_was_charged(
    new_budget: NewBudget, redis: Redis, clock: list[datetime]
) -> None:
    budget, learner = new_budget(daily=10), uuid4()
    async with budget.reserve(learner, seconds=4) as send_attempt:
        clock[0] = datetime(2031, 11, 27, tzinfo=UTC)
        await send(budget, learner, 3)
        send_attempt.is_sent = False
    assert await get_ms(redis, learner, day="2031-11-26") == (0, 3_000)
    assert await get_ms(redis, learner, day="2031-11-27") == (3_000, 3_000)


async def test_a_late_refund_does_not_recreate_a_counter(new_budget: NewBudget, redis: Redis) -> None:
    budget, learner = new_budget(daily=10), uuid4()
    async with budget.reserve(learner, seconds=4) as send_attempt:
        await redis.delete(f"speech_budget:day:2031-11-26:{learner}", MONTH_KEY)
        send_attempt.is_sent = False
    assert await redis.exists(f"speech_budget:day:2031-11-26:{learner}", MONTH_KEY) == 0


async def test_all_redis_keys_expire(new_budget: NewBudget, redis: Redis, clock: list[datetime]) -> None:
    clock[0] = datetime.now(UTC)
    budget, learner = new_budget(daily=10), uuid4()
    await send(budget, learner, 4)
    await send(budget, learner, 4, is_sent=False)
    keys = [key async for key in redis.scan_iter("speech_budget:*")]
    assert len(keys) == 4
    limits = {"day": 25 * 3600, "month": (31 * 24 + 1) * 3600, "reservation": 3600}
    for key in keys:
        assert 0 < await redis.ttl(key) <= limits[key.split(":")[1]]


@pytest.mark.parametrize("is_sent", [True, False])
async def test_a_reservation_counts_once_after_a_lost_response_from_redis(
    new_budget: NewBudget, redis: Redis, monkeypatch: pytest.MonkeyPatch, *, is_sent: bool
) -> None:
    read, lost = AbstractConnection.read_response, list[Exception]()

    async def lose_first(connection: AbstractConnection, *arguments: Any, **options: Any) -> Any:
        response = await read(connection, *arguments, **options)
        if lost:
            raise lost.pop()
        return response

    budget, learner = new_budget(daily=100), uuid4()
    await send(budget, learner, 10)
    with monkeypatch.context() as patch:
        patch.setattr(AbstractConnection, "read_response", lose_first)
        lost.append(ConnectionError("lost"))
        async with budget.reserve(learner, seconds=4) as send_attempt:
            assert not lost
            lost.append(ConnectionError("lost"))
            send_attempt.is_sent = is_sent
    lost.clear()
    assert await get_ms(redis, learner) == ((14_000, 14_000) if is_sent else (10_000, 10_000))


async def test_a_cancelled_request_leaves_nothing_reserved(new_budget: NewBudget, redis: Redis) -> None:
    budget, learner = new_budget(daily=1_000), uuid4()
    for iterations in range(40):
        request = asyncio.create_task(send(budget, learner, 10, is_sent=False))
        for _ in range(iterations):
            await asyncio.sleep(0)
        request.cancel()
        with suppress(asyncio.CancelledError):
            await request
    await budget.close()
    assert await get_ms(redis, learner) == (0, 0)


async def test_a_refund_may_overtake_its_reservation(new_budget: NewBudget, redis: Redis) -> None:
    budget, learner = new_budget(daily=10), uuid4()
    reservations_made = list[reservations.Reservation]()
    count = budget._count

    async def count_late(reservation: reservations.Reservation) -> Any:
        reservations_made.append(reservation)
        await budget._refund(reservation)
        return await count(reservation)

    budget._count = count_late  # type: ignore[method-assign] # the order of two connections
    await send(budget, learner, 10)
    assert await get_ms(redis, learner) == (0, 0)


async def test_no_audio_is_sent_without_redis() -> None:
    budget = SpeechBudget("redis://127.0.0.1:1/0", Limits(1_000, 0))
    with pytest.raises(BudgetUnavailable) as error:
        await send(budget, uuid4(), 1)
    assert (error.value.status, error.value.code) == (503, "provider_unavailable")
    assert int(error.value.headers["Retry-After"]) > 0
    await budget.close()


async def test_a_refund_that_fails_without_redis_does_not_fail_the_request(
    new_budget: NewBudget, monkeypatch: pytest.MonkeyPatch
) -> None:
    budget = new_budget(daily=10)

    async def fail(*_: Any) -> None:
        raise ConnectionError

    async with budget.reserve(uuid4(), seconds=1) as send_attempt:
        monkeypatch.setattr(budget, "_run", fail)
        send_attempt.is_sent = False


async def test_replicas_together_never_exceed_a_limit(new_budget: NewBudget, redis: Redis) -> None:
    replicas = [new_budget(daily=50, monthly=300) for _ in range(3)]
    learners, chance = [uuid4() for _ in range(10)], random.Random(7)  # noqa: S311 - reproducible, not secret
    at_once = asyncio.Semaphore(60)

    async def spend(replica: SpeechBudget, learner: UUID) -> None:
        async with at_once:
            with suppress(BudgetExhausted):
                async with replica.reserve(learner, seconds=chance.randint(1, 9)) as send_attempt:
                    await asyncio.sleep(chance.random() / 100)
                    send_attempt.is_sent = chance.random() < 0.7

    calls = [(chance.choice(replicas), chance.choice(learners)) for _ in range(600)]
    await asyncio.gather(*(spend(*call) for call in calls))
    totals = [(await get_ms(redis, learner))[0] for learner in learners]
    assert all(total <= 50_000 for total in totals)
    assert sum(totals) == (await get_ms(redis, learners[0]))[1] <= 300_000


REPLICA = """
import asyncio, sys
from uuid import UUID
from scoring.budget import SpeechBudget
from scoring.domain.budgets import Limits
from scoring.errors import BudgetExhausted

async def main(url, learner):
    budget, granted = SpeechBudget(url, Limits(100_000, 0)), 0
    async def send():
        nonlocal granted
        try:
            async with budget.reserve(learner, seconds=1):
                granted += 1
        except BudgetExhausted:
            pass
    print("ready", flush=True)
    sys.stdin.readline()
    for _ in range(40):
        await asyncio.gather(*(send() for _ in range(5)))
        await asyncio.sleep(0.02)
    await budget.close()
    print(granted)

asyncio.run(main(sys.argv[1], UUID(sys.argv[2])))
"""


def test_two_processes_share_one_budget(settings: ApiSettings) -> None:
    command = [sys.executable, "-c", REPLICA, settings.redis_url.get_secret_value(), str(uuid4())]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    running: list[Any] = [subprocess.Popen(command, **pipes) for _ in range(2)]  # noqa: S603 - our own command
    assert [process.stdout.readline() for process in running] == ["ready\n"] * 2
    for process in running:
        process.stdin.write("\n")
        process.stdin.flush()
    granted = [int(process.communicate(timeout=60)[0]) for process in running]
    assert sum(granted) == 100
    assert all(granted)


async def test_refusals_are_counted_by_budget(new_budget: NewBudget) -> None:
    def count_refusals() -> float:
        return REGISTRY.get_sample_value("speech_budget_refusals_total", {"budget": "month"}) or 0

    before = count_refusals()
    with pytest.raises(BudgetExhausted):
        await send(new_budget(monthly=1), uuid4(), 2)
    assert count_refusals() == before + 1
