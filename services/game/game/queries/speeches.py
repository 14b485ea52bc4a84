"""Read the local copy of speeches and tags."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from uuid import UUID

from shared.clock import utc_now
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from game.domain.speeches import list_possibly_new
from game.errors import SpeechNotFound, SpeechNotKnownYet
from game.models import SpeechRevision, TagName

RETRY_AFTER_SECONDS = 2


async def get_texts(session: AsyncSession, speech_ids: Collection[UUID]) -> Mapping[UUID, Collection[str]]:
    """Return the texts of all revisions of each speech. Raises SpeechNotFound and SpeechNotKnownYet."""
    texts: dict[UUID, set[str]] = defaultdict(set)
    revisions = select(SpeechRevision.speech_id, SpeechRevision.text)
    for speech_id, text in await session.execute(revisions.where(SpeechRevision.speech_id.in_(speech_ids))):
        texts[speech_id].add(text)
    if unknown := sorted(set(speech_ids) - texts.keys()):
        raise _create_unknown_error(unknown)
    return texts


def _create_unknown_error(unknown: Collection[UUID]) -> SpeechNotFound | SpeechNotKnownYet:
    possibly_new = list_possibly_new(unknown, now=utc_now())
    # Omitted results would be lost, so clients are not asked to omit those of new speeches.
    if never := [str(speech_id) for speech_id in unknown if speech_id not in possibly_new]:
        return SpeechNotFound(f"There is no speech {', '.join(never)}.", speech_ids=never)
    new = list(map(str, possibly_new))
    detail = f"The new speech {', '.join(new)} is not available here yet; try again in a moment."
    # Not a 503: anyone can forge an id that looks new.
    return SpeechNotKnownYet(detail, headers={"Retry-After": str(RETRY_AFTER_SECONDS)}, speech_ids=new)


async def list_tag_names(session: AsyncSession, tag_ids: Collection[UUID]) -> dict[UUID, str]:
    if not tag_ids:
        return {}
    rows = await session.execute(select(TagName.tag_id, TagName.name).where(TagName.tag_id.in_(tag_ids)))
    return {tag_id: name for tag_id, name in rows}
