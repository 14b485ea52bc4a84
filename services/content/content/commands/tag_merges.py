"""Merge a tag into another one, chunk by chunk: its speeches get the other tag, and then it is deleted."""

from typing import ClassVar
from uuid import UUID

from shared.errors import field_error
from shared.messaging.jobs import Job
from shared.messaging.outbox import enqueue, spread_recorded_messages
from sqlalchemy import delete, exists, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from content.catalogue import record_change
from content.commands import audit_log
from content.commands.cache import invalidate
from content.commands.speeches import publish_revisions
from content.errors import TagBeingMerged, TagNotFound, UnknownTag
from content.models import Speech, SpeechTag, Tag
from content.queries.tags import TagWithCount, get_tag_with_count, list_cached_tags

CHUNK_SIZE = 500


class MergeTags(Job):
    """Move the next speeches of a tag to the merge target."""

    service: ClassVar[str] = "content"

    tag_id: UUID
    into_tag_id: UUID


async def merge_tag(
    session: AsyncSession, tag_id: UUID, *, into_tag_id: UUID, actor: UUID | None
) -> TagWithCount:
    """Remove a tag from all lists, and enqueue the move of its speeches. Returns the target. Repeating a
    running merge changes nothing. Raises TagNotFound for the tag, UnknownTag for the other one, and
    TagBeingMerged.
    """
    if tag_id == into_tag_id:
        raise field_error("#/into_tag_id", "must be another tag")
    # Waits for speech updates that have read either tag.
    both = (
        select(Tag).where(Tag.id.in_((tag_id, into_tag_id))).order_by(Tag.id).with_for_update(key_share=True)
    )
    tags = {tag.id: tag for tag in await session.scalars(both, execution_options={"populate_existing": True})}
    if (tag := tags.get(tag_id)) is None:
        raise TagNotFound(f"There is no tag {tag_id}. It may have been merged already.")
    if into_tag_id not in tags:
        raise field_error("#/into_tag_id", f"there is no tag {into_tag_id}", error_type=UnknownTag)
    if tag.merged_into != into_tag_id:
        await _ensure_not_merging(session, tag, tags[into_tag_id])
        tag.merged_into = into_tag_id
        before = {"name": tag.name, "category": tag.category}
        after = {"merged_into": str(into_tag_id)}
        audit_log.record(session, "tag_merged", subject=tag_id, actor=actor, before=before, after=after)
        enqueue(session, MergeTags(tag_id=tag_id, into_tag_id=into_tag_id))
        invalidate(session, list_cached_tags.build_key())
        await session.flush()
    return await get_tag_with_count(session, into_tag_id)


async def _ensure_not_merging(session: AsyncSession, tag: Tag, target: Tag) -> None:
    # A cycle of merges would never end.
    is_target = await session.scalar(select(exists().where(Tag.merged_into == tag.id)))
    if tag.merged_into or target.merged_into or is_target:
        raise TagBeingMerged("One of the tags is part of another merge. Try again in a few minutes.")


async def merge_next_speeches(session: AsyncSession, job: MergeTags) -> None:
    """Move one chunk, archived speeches too, and enqueue the next one. The last one deletes the tag."""
    tagged = select(Speech).join(SpeechTag).where(SpeechTag.tag_id == job.tag_id)
    chunk = tagged.order_by(SpeechTag.speech_id).limit(CHUNK_SIZE).with_for_update(of=Speech)
    locked = [speech.id for speech in await session.scalars(chunk)]
    if locked:
        await _move_speeches(session, locked, job)
    if len(locked) == CHUNK_SIZE or not await _delete_tag(session, job):
        enqueue(session, MergeTags(tag_id=job.tag_id, into_tag_id=job.into_tag_id))
    await spread_recorded_messages(session)


async def _move_speeches(session: AsyncSession, locked: list[UUID], job: MergeTags) -> None:
    # While this transaction waited for the rows, an editor may have removed the tag from some speeches.
    removed = delete(SpeechTag).where(SpeechTag.tag_id == job.tag_id, SpeechTag.speech_id.in_(locked))
    moved_ids = list(await session.scalars(removed.returning(SpeechTag.speech_id)))
    if not moved_ids:
        return
    rows = [{"speech_id": speech_id, "tag_id": job.into_tag_id} for speech_id in moved_ids]
    await session.execute(insert(SpeechTag).on_conflict_do_nothing(), rows)
    speeches = await publish_revisions(session, moved_ids, {})
    await record_change(session, [speech.number for speech in speeches])


async def _delete_tag(session: AsyncSession, job: MergeTags) -> bool:
    """Delete the tag. Return False if it has been added to a speech since."""
    try:
        async with session.begin_nested():
            await session.execute(delete(Tag).where(Tag.id == job.tag_id, Tag.merged_into == job.into_tag_id))
    except IntegrityError:
        return False
    return True
