import math
from uuid import uuid4

import pytest
from prometheus_client import REGISTRY
from scoring.budget import SpeechBudget, watch_budget
from scoring.domain.budgets import Limits
from scoring.settings import ApiSettings
from structlog.testing import capture_logs
from tests.waiting import wait_until


def get_metric(name: str) -> float:
    return REGISTRY.get_sample_value(f"speech_budget_{name}_seconds") or 0.0


@pytest.mark.usefixtures("redis")
async def test_the_metrics_show_what_all_replicas_have_used(settings: ApiSettings) -> None:
    url, limits = settings.redis_url.get_secret_value(), Limits(0, 50_000_000)
    budget, other = SpeechBudget(url, limits), SpeechBudget(url, limits)
    async with other.reserve(uuid4(), seconds=12.5):
        pass
    async with watch_budget(budget) as loops:
        await wait_until(lambda: get_metric("used") > 0)
        assert (get_metric("used"), get_metric("limit")) == (12.5, 50_000)
        assert not loops[0].required
    await budget.close()
    await other.close()


async def test_the_used_seconds_are_unknown_without_redis() -> None:
    budget = SpeechBudget("redis://127.0.0.1:1/0", Limits(0, 1))
    async with watch_budget(budget):
        await wait_until(lambda: math.isnan(get_metric("used")))
    await budget.close()


@pytest.mark.parametrize(
    ("limits", "warns"), [(Limits(0, 5), True), (Limits(2, 5), False), (Limits(2, 0), False)]
)
async def test_a_daily_limit_that_allows_one_learner_to_spend_the_month_is_logged(
    limits: Limits, warns: bool
) -> None:
    budget = SpeechBudget("redis://127.0.0.1:1/0", limits)
    with capture_logs() as logged:
        async with watch_budget(budget):
            pass
    assert ("speech_budget_without_shares" in [entry["event"] for entry in logged]) == warns
    await budget.close()


async def test_without_a_limit_no_metrics_are_collected() -> None:
    budget = SpeechBudget("redis://127.0.0.1:1/0", Limits(1, 0))
    async with watch_budget(budget) as loops:
        assert list(loops) == []
        assert get_metric("limit") == 0
    await budget.close()
