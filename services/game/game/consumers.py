"""What the game service does about events."""

from contracts.auth import UserDeleted
from contracts.content import SpeechCreated, SpeechDeleted, SpeechUpdated
from contracts.game import SessionCompleted
from shared.messaging.inbox import Subscriptions
from sqlalchemy.ext.asyncio import AsyncSession

from game.commands.activity import add_daily_activity
from game.commands.speeches import record_speech_deletion, store_speech_revision
from game.commands.users import erase_user


async def on_speech_changed(session: AsyncSession, event: SpeechCreated | SpeechUpdated) -> None:
    """A speech was added or changed: keep the revision."""
    await store_speech_revision(session, event.data, since=event.time)


async def on_speech_deleted(session: AsyncSession, event: SpeechDeleted) -> None:
    """A speech left the catalogue."""
    await record_speech_deletion(session, event.data, deleted_at=event.time)


async def on_session_completed(session: AsyncSession, event: SessionCompleted) -> None:
    """A learner was active."""
    await add_daily_activity(session, event.data)


async def on_user_deleted(session: AsyncSession, event: UserDeleted) -> None:
    """An account is gone."""
    await erase_user(session, event.data.user_id)


subscriptions: Subscriptions = {
    SpeechCreated: on_speech_changed,
    SpeechUpdated: on_speech_changed,
    SpeechDeleted: on_speech_deleted,
    SessionCompleted: on_session_completed,
    UserDeleted: on_user_deleted,
}
