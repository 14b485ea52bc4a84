"""Adding, changing and deleting tags, and telling of their new names."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from contracts.content import SpeechUpdated, TagChanged, TagKey, TagRename, TagRenamed
from shared.messaging.outbox import record
from sqlalchemy import ColumnElement, String, delete, func, literal, literal_column, select, update
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from content.commands.snapshots import list_tag_ids, lock_tags, snapshot
from content.domain.speeches import changed_values
from content.domain.tags import TagChange
from content.errors import TagExists, TagInUse, TagNotFound
from content.models import Speech, SpeechTag, Tag

CHUNK = 500


def case_folded(name: ColumnElement[str]) -> ColumnElement[str]:
    """What two ways of writing the same name have in common, as the unique index has it."""
    return func.normalize(func.casefold(name.collate("pg_unicode_fast")), literal_column("NFC"))


async def create_tags(session: AsyncSession, categories: Mapping[str, str]) -> dict[str, UUID]:
    """Create the tags that are missing, given as name to category; the ids of all, by the given names.

    A tag that is there keeps its category and its way of writing the name.
    """
    if not categories:
        return {}
    # In one order for everybody: who adds the same tags waits for the other instead of for ever.
    in_order = sorted(categories.items(), key=lambda tag: (tag[0].casefold(), tag[0]))
    new = [{"name": name, "category": category} for name, category in in_order]
    created = insert(Tag).values(new).on_conflict_do_nothing().returning(Tag.id)
    for tag_id in await session.scalars(created):
        _record_tag_changed(session, tag_id)
    given = func.unnest(literal(list(categories), ARRAY(String))).column_valued("given")
    found = await session.execute(
        select(given, Tag.id).join(Tag, case_folded(Tag.__table__.c.name) == case_folded(given))
    )
    return {name: tag_id for name, tag_id in found}


async def create_tag(session: AsyncSession, *, name: str, category: str) -> UUID:
    """Add a tag; its id. Raises TagExists."""
    created = insert(Tag).values(name=name, category=category).on_conflict_do_nothing().returning(Tag.id)
    tag_id = await session.scalar(created)
    if tag_id is None:
        raise TagExists(f"There is a tag {name} already.")
    _record_tag_changed(session, tag_id)
    return tag_id


async def update_tag(session: AsyncSession, tag_id: UUID, change: TagChange) -> None:
    """Change what is given. Raises TagNotFound and TagExists.

    A new name is that of all speeches at once. Those who keep snapshots of speeches are told bit by bit.
    """
    found = select(Tag).where(Tag.id == tag_id).with_for_update(key_share=True)
    tag = await session.scalar(found, execution_options={"populate_existing": True})
    if tag is None:
        raise TagNotFound(f"There is no tag {tag_id}.")
    values = changed_values(tag, vars(change))
    if not values:
        return
    try:
        async with session.begin_nested():
            await session.execute(update(Tag).where(Tag.id == tag_id).values(values))
    except IntegrityError as error:
        raise TagExists(f"There is a tag {change.name} already.") from error
    _record_tag_changed(session, tag_id)
    if "name" in values:
        # The row is locked: whoever begins to change a speech from now on waits, and sees the new name.
        locked_at = await session.scalar(select(func.clock_timestamp()))
        rename = TagRename(tag_id=tag_id, locked_at=locked_at)
        record(session, TagRenamed, subject=str(tag_id), data=rename)


async def delete_tag(session: AsyncSession, tag_id: UUID) -> None:
    """Remove a tag that no speech carries. Raises TagNotFound and TagInUse."""
    deleted = delete(Tag).where(Tag.id == tag_id).returning(Tag.id)
    try:
        async with session.begin_nested():
            gone = await session.scalar(deleted)
    except IntegrityError as error:
        # The database says so, also when a speech takes the tag at this very moment.
        raise TagInUse("Speeches carry this tag; take it from them first.") from error
    if gone is None:
        raise TagNotFound(f"There is no tag {tag_id}.")
    _record_tag_changed(session, tag_id)


async def propagate_tag_name(session: AsyncSession, rename: TagRename) -> None:
    """Tell of the next speeches that carry a tag under its new name, and order the ones after them.

    Each chunk is a transaction of its own. A speech that was changed since the tag was locked for the rename
    has been told of under its new name.
    """
    carrying = select(Speech).join(SpeechTag).where(SpeechTag.tag_id == rename.tag_id)
    if rename.locked_at is not None:
        carrying = carrying.where(Speech.updated_at <= rename.locked_at)
    if rename.after is not None:
        carrying = carrying.where(SpeechTag.speech_id > rename.after)
    chunk = carrying.order_by(SpeechTag.speech_id).limit(CHUNK).with_for_update(of=Speech)
    ids = [speech.id for speech in await session.scalars(chunk)]
    if not ids:
        return
    await raise_revisions(session, ids)
    if len(ids) == CHUNK:
        following = rename.model_copy(update={"after": ids[-1]})
        record(session, TagRenamed, subject=str(rename.tag_id), data=following)


async def raise_revisions(session: AsyncSession, ids: list[UUID]) -> None:
    values: dict[str, Any] = {"revision": Speech.revision + 1, "updated_at": func.now()}
    raised = update(Speech).where(Speech.id.in_(ids)).values(values).returning(Speech)
    speeches = (await session.scalars(raised, execution_options={"populate_existing": True})).all()
    carried = await list_tag_ids(session, ids)
    tags = await lock_tags(session, set().union(*carried.values()))
    for speech in speeches:
        data = snapshot(speech, [tags[tag_id] for tag_id in carried[speech.id]])
        record(session, SpeechUpdated, subject=str(speech.id), data=data)


def _record_tag_changed(session: AsyncSession, tag_id: UUID) -> None:
    record(session, TagChanged, subject=str(tag_id), data=TagKey(tag_id=tag_id))
