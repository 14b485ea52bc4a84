"""The worker process of the game service: consumers, relay, the purge of erased users' ids, and figures."""

from collections.abc import Awaitable, Callable, Sequence

from shared.background import Loop
from shared.data.db import Database
from shared.messaging.worker import build_worker
from starlette.applications import Starlette

from game.commands.analytics import count_waiting_sessions
from game.commands.practice import count_earlier_practice
from game.commands.users import purge_erased_users
from game.consumers import subscriptions
from game.settings import WorkerSettings

PURGE_SECONDS = 3600.0
COUNT_SECONDS = 2.0
# Only an upgrade leaves work.
PRACTICE_SECONDS = 30.0


def create_worker(settings: WorkerSettings) -> Starlette:
    return build_worker(settings, service="game", subscriptions=subscriptions, loops=create_loops)


def create_loops(database: Database) -> Sequence[Loop]:
    async def purge() -> None:
        async with database.transaction() as session:
            await purge_erased_users(session)

    async def count() -> bool:
        async with database.transaction() as session:
            return await count_waiting_sessions(session)

    async def count_practice() -> bool:
        async with database.transaction() as session:
            return await count_earlier_practice(session)

    return [
        _create_loop("practice_count", count_practice, interval_seconds=PRACTICE_SECONDS),
        _create_loop("analytics_count", count, interval_seconds=COUNT_SECONDS),
        _create_loop("erased_users_purge", purge, interval_seconds=PURGE_SECONDS),
    ]


def _create_loop(name: str, work: Callable[[], Awaitable[bool | None]], *, interval_seconds: float) -> Loop:
    return Loop(
        name=name, work=work, interval_seconds=interval_seconds, max_retry_seconds=60.0, required=False
    )
