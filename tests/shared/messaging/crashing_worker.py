"""A worker that some of its jobs kill, started again each time it ends: `python -m` this module.

It prints every job that it begins, and every death. It is forked, because imports take longer than a start.
"""

import asyncio
import os
import signal
from typing import ClassVar

from shared.messaging.inbox import claim
from shared.messaging.jobs import Effect, GivenUp, Job, Jobs
from shared.messaging.worker import build_worker
from shared.settings import MessagingSettings
from sqlalchemy.ext.asyncio import AsyncSession

GIVEN_UP = "crashes.given_up"


class Harmless(Job):
    """Is in work whenever another job kills the process."""

    service: ClassVar[str] = "crashes"


class Deadly(Job):
    """Kills the process, and is marked in the inbox when it is given up."""

    service: ClassVar[str] = "crashes"


class DeadlyInTransaction(Job):
    service: ClassVar[str] = "crashes"


async def on_harmless(job: Harmless) -> None:
    print("harmless", flush=True)  # noqa: T201 - the test reads it
    await asyncio.sleep(0.3)


async def on_deadly(job: Deadly) -> None:
    print("deadly", flush=True)  # noqa: T201 - as above
    os.kill(os.getpid(), signal.SIGKILL)


async def on_deadly_in_transaction(_: AsyncSession, job: DeadlyInTransaction) -> None:
    print("deadly in transaction", flush=True)  # noqa: T201 - as above
    os.kill(os.getpid(), signal.SIGKILL)


async def on_given_up(session: AsyncSession, job: Deadly, _: GivenUp) -> None:
    await claim(session, GIVEN_UP, job.id)


JOBS: Jobs = {
    Harmless: Effect(on_harmless),
    Deadly: Effect(on_deadly, give_up=on_given_up),
    DeadlyInTransaction: on_deadly_in_transaction,
}


async def work() -> None:
    worker = build_worker(
        MessagingSettings(environment="test"), service="crashes", subscriptions={}, jobs=JOBS
    )
    async with worker.router.lifespan_context(worker):
        await asyncio.sleep(3600)


def main() -> None:
    while True:
        if not (child := os.fork()):
            asyncio.run(work())
        os.waitpid(child, 0)
        print("died", flush=True)  # noqa: T201 - as above


if __name__ == "__main__":
    main()
