"""Read the local copy of speeches and tags."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from game.errors import SpeechNotFound
from game.models import SpeechRevision, TagName


async def get_texts(session: AsyncSession, speech_ids: Collection[UUID]) -> Mapping[UUID, Collection[str]]:
    """Return the texts of all revisions of each speech. Raises SpeechNotFound."""
    texts: dict[UUID, set[str]] = defaultdict(set)
    revisions = select(SpeechRevision.speech_id, SpeechRevision.text)
    for speech_id, text in await session.execute(revisions.where(SpeechRevision.speech_id.in_(speech_ids))):
        texts[speech_id].add(text)
    if unknown := sorted(str(speech_id) for speech_id in speech_ids if speech_id not in texts):
        raise SpeechNotFound(f"There is no speech {', '.join(unknown)}.", speech_ids=unknown)
    return texts


async def list_tag_names(session: AsyncSession, tag_ids: Collection[UUID]) -> dict[UUID, str]:
    if not tag_ids:
        return {}
    rows = await session.execute(select(TagName.tag_id, TagName.name).where(TagName.tag_id.in_(tag_ids)))
    return {tag_id: name for tag_id, name in rows}
