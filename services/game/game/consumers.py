"""Handlers of the events that the game service consumes."""

from contracts.auth import UserDeleted, UserRegistered
from contracts.content import SpeechCreated, SpeechDeleted, SpeechImported, SpeechUpdated
from contracts.game import SessionCompleted
from shared.messaging.inbox import Subscriptions
from sqlalchemy.ext.asyncio import AsyncSession

from game.commands.activity import add_daily_activity
from game.commands.analytics import count_registration
from game.commands.reviews import trim_reviews
from game.commands.speeches import (
    record_speech_deletion,
    store_speech_revision,
    store_speech_revisions,
)
from game.commands.users import erase_user


async def on_speech_changed(session: AsyncSession, event: SpeechCreated | SpeechUpdated) -> None:
    await store_speech_revision(session, event.data, since=event.time)


async def on_speech_imported(session: AsyncSession, event: SpeechImported) -> None:
    await store_speech_revisions(session, event.data.speeches, since=event.time)


async def on_speech_deleted(session: AsyncSession, event: SpeechDeleted) -> None:
    await record_speech_deletion(session, event.data, deleted_at=event.time)


async def on_session_completed(session: AsyncSession, event: SessionCompleted) -> None:
    await add_daily_activity(session, event.data)
    await trim_reviews(session, event.data.user_id)


async def on_user_registered(session: AsyncSession, event: UserRegistered) -> None:
    await count_registration(session, registered_at=event.time)


async def on_user_deleted(session: AsyncSession, event: UserDeleted) -> None:
    await erase_user(session, event.data.user_id)


subscriptions: Subscriptions = {
    SpeechCreated: on_speech_changed,
    SpeechUpdated: on_speech_changed,
    SpeechImported: on_speech_imported,
    SpeechDeleted: on_speech_deleted,
    SessionCompleted: on_session_completed,
    UserRegistered: on_user_registered,
    UserDeleted: on_user_deleted,
}
