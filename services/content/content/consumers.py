"""What the content service does when something has happened, elsewhere or to its own speeches and tags."""

from contracts.content import SpeechDeleted, SpeechUpdated, TagChanged, TagRenamed
from contracts.game import SessionCompleted
from shared.data.cache import Cache
from shared.messaging.inbox import Subscriptions
from sqlalchemy.ext.asyncio import AsyncSession

from content import cached, commands


async def on_session_completed(session: AsyncSession, event: SessionCompleted) -> None:
    """The speeches of the session were played."""
    await commands.count_plays(session, event.data.results)


async def on_tag_renamed(session: AsyncSession, event: TagRenamed) -> None:
    """Some more of the speeches that carry the tag are told of."""
    await commands.propagate_tag_name(session, event.data)


def subscriptions(cache: Cache) -> Subscriptions:
    """All that the worker listens to. The cache forgets what was changed once Redis answers."""

    async def on_tag_changed(_: AsyncSession, __: TagChanged) -> None:
        await cache.forget(cached.tags.key())

    async def on_speech_changed(_: AsyncSession, event: SpeechUpdated | SpeechDeleted) -> None:
        await cache.forget(cached.speech.key(event.data.speech_id))

    return {
        SessionCompleted: on_session_completed,
        TagRenamed: on_tag_renamed,
        TagChanged: on_tag_changed,
        SpeechUpdated: on_speech_changed,
        SpeechDeleted: on_speech_changed,
    }
