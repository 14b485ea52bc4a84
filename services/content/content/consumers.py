"""Handlers of events."""

from contracts.content import SpeechDeleted, SpeechUpdated, TagChanged, TagRenamed
from contracts.game import SessionCompleted
from shared.cache import Cache
from shared.inbox import Subscriptions
from sqlalchemy.ext.asyncio import AsyncSession

from content import commands, queries


async def on_session_completed(session: AsyncSession, event: SessionCompleted) -> None:
    await commands.count_plays(session, event.data.results)


async def on_tag_renamed(session: AsyncSession, event: TagRenamed) -> None:
    await commands.propagate_tag_name(session, event.data)


def subscriptions(cache: Cache) -> Subscriptions:
    """Map each event to its handler."""

    async def on_tag_changed(_: AsyncSession, __: TagChanged) -> None:
        await cache.forget(queries.list_cached_tags.key())

    async def on_speech_changed(_: AsyncSession, event: SpeechUpdated | SpeechDeleted) -> None:
        await cache.forget(queries.get_cached_speech.key(event.data.speech_id))

    return {
        SessionCompleted: on_session_completed,
        TagRenamed: on_tag_renamed,
        TagChanged: on_tag_changed,
        SpeechUpdated: on_speech_changed,
        SpeechDeleted: on_speech_changed,
    }
