"""Remember the speeches that a learner played lately. Redis is another system, so jobs change it."""

from typing import ClassVar
from uuid import UUID, uuid4

from contracts.game import CompletedSession, DeletedSession
from pydantic import AwareDatetime, Field
from shared.messaging.jobs import Job
from shared.messaging.outbox import enqueue
from sqlalchemy.ext.asyncio import AsyncSession

from content.recent_plays import RecentPlays


class RememberPlays(Job):
    service: ClassVar[str] = "content"

    user_id: UUID
    # Jobs of the previous version have no session.
    session_id: UUID = Field(default_factory=uuid4)
    completed_at: AwareDatetime
    speech_ids: list[UUID]


class ForgetPlays(Job):
    """Without speeches, all plays of a deleted user."""

    service: ClassVar[str] = "content"

    user_id: UUID
    session_id: UUID = Field(default_factory=uuid4)
    speech_ids: list[UUID] | None


def remember_session(session: AsyncSession, completed: CompletedSession) -> None:
    """Remember the speeches of all results. The learner has listened to skipped ones, too."""
    ids = [result.speech_id for result in completed.results]
    job = RememberPlays(
        user_id=completed.user_id,
        session_id=completed.session_id,
        completed_at=completed.completed_at,
        speech_ids=ids,
    )
    enqueue(session, job)


def forget_session(session: AsyncSession, deleted: DeletedSession) -> None:
    ids = [result.speech_id for result in deleted.results]
    enqueue(session, ForgetPlays(user_id=deleted.user_id, session_id=deleted.session_id, speech_ids=ids))


def forget_user(session: AsyncSession, user_id: UUID) -> None:
    enqueue(session, ForgetPlays(user_id=user_id, speech_ids=None))


async def remember_plays(recent_plays: RecentPlays, job: RememberPlays) -> None:
    await recent_plays.add(
        job.user_id, job.speech_ids, session_id=job.session_id, completed_at=job.completed_at
    )


async def forget_plays(recent_plays: RecentPlays, job: ForgetPlays) -> None:
    if job.speech_ids is None:
        await recent_plays.erase(job.user_id)
    else:
        await recent_plays.remove(job.user_id, job.speech_ids, session_id=job.session_id)
