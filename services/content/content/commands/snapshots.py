"""Republish all speeches, for a consumer with a new copy."""

from typing import ClassVar
from uuid import UUID

import structlog
from shared.messaging.jobs import Job
from shared.messaging.outbox import enqueue
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from content.commands.speeches import publish_snapshots
from content.models import Speech

log = structlog.get_logger(__name__)

CHUNK_SIZE = 500


class PublishSnapshots(Job):
    """Republish the speeches with ids greater than `after`. Copies that have their revisions ignore them."""

    service: ClassVar[str] = "content"

    after: UUID | None = None
    published: int = 0


async def publish_next_snapshots(session: AsyncSession, job: PublishSnapshots) -> None:
    """Publish one chunk, and enqueue the next one. The outbox never contains more than a few chunks."""
    following = select(Speech).order_by(Speech.id).limit(CHUNK_SIZE)
    if job.after is not None:
        following = following.where(Speech.id > job.after)
    # Locked, so that no snapshot is recorded after the event of a later deletion.
    speeches = (await session.scalars(following.with_for_update(read=True))).all()
    await publish_snapshots(session, speeches)
    published = job.published + len(speeches)
    if len(speeches) == CHUNK_SIZE:
        enqueue(session, PublishSnapshots(after=speeches[-1].id, published=published))
    else:
        log.info("snapshots_published", speeches=published)
