from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

from pydantic import AwareDatetime, model_validator
from shared.messaging.jobs import Job
from shared.messaging.outbox import enqueue, spread_recorded_messages
from sqlalchemy import ColumnElement, String, delete, func, literal, literal_column, select, update
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from content.commands import audit_log
from content.commands.cache import invalidate
from content.commands.speeches import publish_revisions
from content.domain.speeches import find_changed_values
from content.errors import TagExists, TagInUse, TagNotFound
from content.models import Speech, SpeechTag, Tag
from content.queries.tags import TagWithCount, get_tag_with_count, list_cached_tags
from content.schemas.tags import TagCreate, TagUpdate

CHUNK_SIZE = 500


class PropagateTagName(Job):
    """Publish the speeches that have a renamed tag and an id greater than `after`. Speeches changed after
    `locked_at` already have its new name.
    """

    service: ClassVar[str] = "content"

    tag_id: UUID
    locked_at: AwareDatetime
    after: UUID | None = None

    @model_validator(mode="before")
    @classmethod
    def from_event(cls, body: Any) -> Any:
        # Earlier versions send the event TagRenamed instead.
        if isinstance(body, dict) and isinstance(rename := body.get("data"), dict):
            return {**body, **rename, "locked_at": rename.get("locked_at") or body.get("time")}
        return body


def fold_case(name: ColumnElement[str]) -> ColumnElement[str]:
    """Return the case-folded name, as in the unique index."""
    return func.normalize(func.casefold(name.collate("pg_unicode_fast")), literal_column("NFC"))


async def create_tags(
    session: AsyncSession, categories: Mapping[str, str], *, actor: UUID | None
) -> dict[str, UUID]:
    """Create missing tags from names with categories; existing tags stay. Returns all ids by name."""
    if not categories:
        return {}
    # Inserted in a fixed order, so that transactions with the same tags wait instead of deadlocking.
    in_order = sorted(categories.items(), key=lambda tag: (tag[0].casefold(), tag[0]))
    new = [{"name": name, "category": category} for name, category in in_order]
    created = (await session.scalars(insert(Tag).values(new).on_conflict_do_nothing().returning(Tag))).all()
    for tag in created:
        audit_log.record(session, "tag_created", subject=tag.id, actor=actor, after=_to_audit_values(tag))
    if created:
        invalidate(session, list_cached_tags.build_key())
    category_values = func.unnest(literal(list(categories), ARRAY(String))).column_valued("given")
    rows = await session.execute(
        select(category_values, func.coalesce(Tag.merged_into, Tag.id)).join(
            Tag, fold_case(Tag.__table__.c.name) == fold_case(category_values)
        )
    )
    return {name: tag_id for name, tag_id in rows}


async def create_tag(session: AsyncSession, fields: TagCreate, *, actor: UUID | None) -> TagWithCount:
    created = insert(Tag).values(dict(fields)).on_conflict_do_nothing().returning(Tag.id)
    tag_id = await session.scalar(created)
    if tag_id is None:
        raise TagExists(fields.name)
    audit_log.record(session, "tag_created", subject=tag_id, actor=actor, after=dict(fields))
    invalidate(session, list_cached_tags.build_key())
    return await get_tag_with_count(session, tag_id)


async def update_tag(
    session: AsyncSession, tag_id: UUID, fields: TagUpdate, *, actor: UUID | None
) -> TagWithCount:
    """Update a tag. Copies of its speeches in other services are updated in chunks. Raises TagNotFound and
    TagExists.
    """
    locked = select(Tag).where(Tag.id == tag_id).with_for_update(key_share=True)
    tag = await session.scalar(locked, execution_options={"populate_existing": True})
    if tag is None or tag.merged_into is not None:
        raise TagNotFound(f"There is no tag {tag_id}.")
    if values := find_changed_values(tag, fields.model_dump(exclude_unset=True)):
        before = {name: getattr(tag, name) for name in values}
        try:
            async with session.begin_nested():
                await session.execute(update(Tag).where(Tag.id == tag_id).values(values))
        except IntegrityError as error:
            raise TagExists(values["name"]) from error
        audit_log.record(session, "tag_updated", subject=tag_id, actor=actor, before=before, after=values)
        invalidate(session, list_cached_tags.build_key())
    if "name" in values:
        # The row is locked: later updates of speeches wait, and then read the new name.
        locked_at = (await session.scalars(select(func.clock_timestamp()))).one()
        enqueue(session, PropagateTagName(tag_id=tag_id, locked_at=locked_at))
    return await get_tag_with_count(session, tag_id)


async def delete_tag(session: AsyncSession, tag_id: UUID, *, actor: UUID | None) -> None:
    """Delete an unused tag. Raises TagNotFound and TagInUse."""
    deleted = delete(Tag).where(Tag.id == tag_id, Tag.merged_into.is_(None)).returning(Tag)
    try:
        async with session.begin_nested():
            tag = await session.scalar(deleted)
    except IntegrityError as error:
        # The foreign key decides, because a speech may get the tag concurrently.
        raise TagInUse(
            "Speeches still have this tag, possibly archived ones. Remove it from them first."
        ) from error
    if tag is None:
        raise TagNotFound(f"There is no tag {tag_id}.")
    audit_log.record(session, "tag_deleted", subject=tag_id, actor=actor, before=_to_audit_values(tag))
    invalidate(session, list_cached_tags.build_key())


async def propagate_tag_name(session: AsyncSession, job: PropagateTagName) -> None:
    """Publish one chunk of the speeches with a renamed tag, and enqueue the next chunk."""
    tagged = select(Speech).join(SpeechTag).where(SpeechTag.tag_id == job.tag_id)
    tagged = tagged.where(Speech.updated_at <= job.locked_at)
    if job.after is not None:
        tagged = tagged.where(SpeechTag.speech_id > job.after)
    chunk = tagged.order_by(SpeechTag.speech_id).limit(CHUNK_SIZE).with_for_update(of=Speech)
    ids = [speech.id for speech in await session.scalars(chunk)]
    if not ids:
        return
    await publish_revisions(session, ids, {})
    if len(ids) == CHUNK_SIZE:
        enqueue(session, PropagateTagName(tag_id=job.tag_id, locked_at=job.locked_at, after=ids[-1]))
    await spread_recorded_messages(session)


def _to_audit_values(tag: Tag) -> dict[str, Any]:
    return {"name": tag.name, "category": tag.category}
