import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import structlog
from prometheus_client import Counter
from redis.exceptions import RedisError
from shared.clock import utc_now
from shared.data.loop_time import run_within_loop_time
from shared.data.redis_client import create_redis
from shared.data.redis_errors import RedisUnavailable, translate_redis_errors

from scoring.domain.budgets import Limits, Periods
from scoring.domain.metering import SendAttempt
from scoring.errors import BudgetExhausted, BudgetUnavailable
from scoring.types import BudgetName

log = structlog.get_logger(__name__)

REFUSALS = Counter("speech_budget_refusals_total", "Recordings not sent, by exhausted budget.", ["budget"])

TIMEOUT_SECONDS = 1.0
GRACE_SECONDS = 3600
"""Counters outlive their period, because replicas' clocks differ and refunds come late."""
RESERVATION_TTL_SECONDS = 3600

# A reservation may arrive twice, because the Redis client repeats a command whose reply was lost: the second
# counts nothing. A refund that overtakes its reservation sets the same key, so that the late reservation
# counts nothing either.
_RESERVE = """
    local reservation, day, month, ms = KEYS[1], KEYS[2], KEYS[3], tonumber(ARGV[1])
    local function exceeds(counter, limit)
        return limit > 0 and tonumber(redis.call('GET', counter) or 0) + ms > limit
    end
    if redis.call('EXISTS', reservation) == 1 then return 'granted' end
    if exceeds(month, tonumber(ARGV[3])) then return 'month' end
    if exceeds(day, tonumber(ARGV[2])) then return 'learner_day' end
    redis.call('SET', reservation, ms, 'EX', ARGV[4])
    redis.call('INCRBY', day, ms)
    redis.call('EXPIREAT', day, ARGV[5])
    redis.call('INCRBY', month, ms)
    redis.call('EXPIREAT', month, ARGV[6])
    return 'granted'
"""
_REFUND = """
    local ms = tonumber(redis.call('GET', KEYS[1]) or 0)
    redis.call('SET', KEYS[1], 0, 'EX', ARGV[1])
    for _, counter in ipairs({KEYS[2], KEYS[3]}) do
        -- A counter that has expired must not come back.
        if redis.call('EXISTS', counter) == 1 then redis.call('DECRBY', counter, ms) end
    end
"""


@dataclass(frozen=True)
class Reservation:
    """The milliseconds of one attempt. Its id ensures that they are counted once and refunded once."""

    id: UUID
    learner_id: UUID
    ms: int
    periods: Periods

    @property
    def keys(self) -> tuple[str, str, str]:
        periods = self.periods
        day = f"speech_budget:day:{periods.day}:{self.learner_id}"
        return f"speech_budget:reservation:{self.id}", day, _get_month_key(periods)


class SpeechBudget:
    """Seconds of audio per learner and day, and in total per month, counted in Redis."""

    def __init__(self, redis_url: str, limits: Limits) -> None:
        self._redis, self.limits = create_redis(redis_url), limits
        self._refunds = set[asyncio.Task[None]]()

    @asynccontextmanager
    async def reserve(self, learner_id: UUID, *, seconds: float) -> AsyncIterator[SendAttempt]:
        """Reserve the seconds of one attempt, and refund them if nothing was sent. Raises BudgetExhausted, or
        BudgetUnavailable while Redis is down.
        """
        if not self.limits:
            yield SendAttempt()
            return
        reservation = await self._reserve(learner_id, math.ceil(seconds * 1000))
        send_attempt = SendAttempt()
        try:
            yield send_attempt
        finally:
            if not send_attempt.is_sent:
                await asyncio.shield(self._start_refund(reservation))

    async def get_used_seconds(self) -> float:
        """Return the seconds of this month. Raises RedisUnavailable."""
        with translate_redis_errors():
            reply = self._redis.get(_get_month_key(Periods.from_moment(utc_now())))
            return int(await run_within_loop_time(reply, seconds=TIMEOUT_SECONDS) or 0) / 1000

    async def close(self) -> None:
        """Finish the refunds."""
        await asyncio.gather(*self._refunds)
        await self._redis.aclose()

    async def _reserve(self, learner_id: UUID, ms: int) -> Reservation:
        reservation = Reservation(uuid4(), learner_id, ms, Periods.from_moment(utc_now()))
        try:
            outcome = await self._count(reservation)
        except (RedisUnavailable, RedisError) as error:
            self._start_refund(reservation)
            log.warning("speech_budget_unavailable", reason=type(error.__cause__ or error).__name__)
            raise BudgetUnavailable(
                "The recording cannot be scored right now; try again in a moment."
            ) from error
        except asyncio.CancelledError:
            # It may have been counted anyway.
            self._start_refund(reservation)
            raise
        if outcome != "granted":
            REFUSALS.labels(outcome).inc()
            raise _create_refusal(outcome, reservation.periods)
        return reservation

    async def _count(self, reservation: Reservation) -> Any:
        limits, periods = self.limits, reservation.periods
        arguments = (
            *(reservation.ms, limits.daily_ms_per_learner, limits.monthly_ms, RESERVATION_TTL_SECONDS),
            *(_get_expiry(periods.day_end), _get_expiry(periods.month_end)),
        )
        reply = await self._run(_RESERVE, *reservation.keys, *arguments)
        return reply.decode()

    def _start_refund(self, reservation: Reservation) -> asyncio.Task[None]:
        # In a separate task: the request may be cancelled again.
        refund = asyncio.create_task(self._refund(reservation))
        self._refunds.add(refund)
        refund.add_done_callback(self._refunds.discard)
        return refund

    async def _refund(self, reservation: Reservation) -> None:
        try:
            await self._run(_REFUND, *reservation.keys, RESERVATION_TTL_SECONDS)
        except (RedisUnavailable, RedisError) as error:
            log.warning("speech_seconds_not_refunded", reason=type(error.__cause__ or error).__name__)

    async def _run(self, script: str, *keys_and_arguments: Any) -> Any:
        with translate_redis_errors():
            # The client's types allow for a synchronous reply.
            reply: Any = self._redis.eval(script, 3, *keys_and_arguments)
            return await run_within_loop_time(reply, seconds=TIMEOUT_SECONDS)


def _get_month_key(periods: Periods) -> str:
    return f"speech_budget:month:{periods.month}"


def _get_expiry(end: datetime) -> int:
    return int(end.timestamp()) + GRACE_SECONDS


def _create_refusal(budget: BudgetName, periods: Periods) -> BudgetExhausted:
    end = periods.get_end(budget)
    seconds = math.ceil((end - utc_now()).total_seconds())
    return BudgetExhausted(budget, opens_at=end, retry_after=max(seconds, 1))
