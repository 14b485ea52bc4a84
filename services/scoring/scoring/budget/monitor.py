"""Reports how much of the monthly budget is used, as a metric for alerts before it is exhausted."""

import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import structlog
from prometheus_client import Gauge
from shared.background import Loop, SupervisedLoop, run_loops

from scoring.budget.reservations import SpeechBudget

USED_SECONDS = Gauge(
    "speech_budget_used_seconds", "Audio sent to paid providers this month, by all replicas."
)
LIMIT = Gauge("speech_budget_limit_seconds", "SPEECH_MONTHLY_SECONDS; 0 is no limit.")

POLL_SECONDS = 15.0

log = structlog.get_logger(__name__)


@asynccontextmanager
async def watch_budget(budget: SpeechBudget) -> AsyncIterator[Sequence[SupervisedLoop]]:
    """Update the metrics while the block runs."""

    async def update() -> None:
        used = math.nan
        try:
            used = await budget.get_used_seconds()
        finally:
            USED_SECONDS.set(used)

    if budget.limits.lets_one_learner_spend_all:
        log.warning("speech_budget_without_shares", missing="SPEECH_DAILY_SECONDS_PER_LEARNER")
    LIMIT.set(budget.limits.monthly_ms / 1000)
    loop = Loop(
        name="speech_budget",
        work=update,
        interval_seconds=POLL_SECONDS,
        required=False,
        max_retry_seconds=POLL_SECONDS,
    )
    async with run_loops(*([loop] if budget.limits.monthly_ms else [])) as loops:
        yield loops
