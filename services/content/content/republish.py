"""Publishes all speeches again, for a service whose copy of the speeches is new or incomplete."""

import asyncio

import structlog
from shared.data.db import Database
from shared.messaging.outbox import enqueue

from content.commands.snapshots import PublishSnapshots
from content.settings import MigrateSettings

log = structlog.get_logger(__name__)


def main(_: list[str]) -> None:
    asyncio.run(republish(MigrateSettings()))


async def republish(settings: MigrateSettings) -> None:
    """Enqueue the job. The worker runs it in chunks, and resumes after an interruption."""
    database = Database.from_settings(settings, name="content republish")
    try:
        async with database.transaction() as session:
            enqueue(session, PublishSnapshots())
    finally:
        await database.close()
    log.info("republish_enqueued")
