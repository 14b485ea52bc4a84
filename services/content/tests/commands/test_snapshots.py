from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest
from content.commands import snapshots as module
from content.commands.snapshots import PublishSnapshots
from content.commands.speeches import delete_speech
from content.jobs import on_publish_snapshots
from content.models import OutboxEvent
from content.republish import republish
from content.settings import MigrateSettings
from contracts.content import SpeechCreated, SpeechUpdated
from pydantic import SecretStr
from shared.data.db import Database
from shared.messaging.inbox import apply_once
from shared.testing import OutboxJobs, outbox_events
from sqlalchemy import delete

type Add = Callable[..., Awaitable[UUID]]


async def run_all(database: Database, outbox_jobs: OutboxJobs) -> int:
    job_count = 0
    while True:
        async with database.transaction() as session:
            waiting = await outbox_jobs(session, PublishSnapshots)
        if len(waiting) == job_count:
            return job_count
        for job in waiting[job_count:]:
            # Twice, because any job may be delivered twice.
            for _ in range(2):
                await apply_once(database, job.get_queue(), job, on_publish_snapshots)
        job_count = len(waiting)


async def test_all_speeches_are_republished_unchanged(
    committed_database: Database,
    database_url: str,
    base_settings: dict[str, Any],
    add: Add,
    outbox_jobs: OutboxJobs,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "CHUNK_SIZE", 2)
    async with committed_database.transaction() as session:
        for number in range(5):
            await add(session, text=f"Number {number}.", tags=("food", "work")[: number % 3])
        deleted = await add(session)
        await delete_speech(session, deleted, actor=None)
        created = [event.data for event in await outbox_events(session, SpeechCreated)]
        await session.execute(delete(OutboxEvent))
    settings = {**base_settings, "database_url": SecretStr(database_url)}
    await republish(MigrateSettings.model_validate(settings))
    assert await run_all(committed_database, outbox_jobs) == 3
    async with committed_database.transaction() as session:
        published = [event.data for event in await outbox_events(session, SpeechUpdated)]
    assert published == [snapshot for snapshot in created if snapshot.speech_id != deleted]


async def test_an_empty_catalogue_publishes_nothing(
    committed_database: Database, outbox_jobs: OutboxJobs
) -> None:
    job = PublishSnapshots()
    assert await apply_once(committed_database, job.get_queue(), job, on_publish_snapshots) == "applied"
    assert await run_all(committed_database, outbox_jobs) == 0
