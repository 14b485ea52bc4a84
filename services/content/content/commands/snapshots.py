"""Speeches as events tell of them."""

from collections.abc import Collection, Iterable
from uuid import UUID

from contracts.content import SpeechSnapshot, TagRef
from shared.errors import invalid
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from content.errors import UnknownTag
from content.models import Speech, SpeechTag, Tag

FIELD = "#/tag_ids"


async def lock_tags(session: AsyncSession, tag_ids: Collection[UUID]) -> dict[UUID, TagRef]:
    """Tags, kept from being renamed or deleted until the transaction ends. Raises UnknownTag.

    A rename waits for the snapshots that are being made with the old name, and then finds their speeches.
    """
    found = select(Tag.id, Tag.name).where(Tag.id.in_(tag_ids)).order_by(Tag.id).with_for_update(read=True)
    tags = {tag_id: TagRef(id=tag_id, name=name) for tag_id, name in await session.execute(found)}
    if unknown := sorted(str(tag_id) for tag_id in set(tag_ids) - set(tags)):
        raise invalid(FIELD, f"there is no tag {', '.join(unknown)}", of=UnknownTag, tag_ids=unknown)
    return tags


async def list_tag_ids(session: AsyncSession, speech_ids: Collection[UUID]) -> dict[UUID, set[UUID]]:
    """The ids of the tags that each speech carries."""
    carried: dict[UUID, set[UUID]] = {speech_id: set() for speech_id in speech_ids}
    rows = select(SpeechTag.speech_id, SpeechTag.tag_id).where(SpeechTag.speech_id.in_(speech_ids))
    for speech_id, tag_id in await session.execute(rows):
        carried[speech_id].add(tag_id)
    return carried


def snapshot(speech: Speech, tags: Iterable[TagRef]) -> SpeechSnapshot:
    """The speech as it stands, its tags by name."""
    return SpeechSnapshot(
        speech_id=speech.id,
        revision=speech.revision,
        text=speech.text,
        level=speech.level,
        type=speech.type,
        tags=sorted(tags, key=lambda tag: tag.name),
        audio_key=speech.audio_key,
        duration_ms=speech.duration_ms,
    )
