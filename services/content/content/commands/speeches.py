from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import fields as dataclass_fields
from dataclasses import replace
from typing import Any
from uuid import UUID

from contracts.content import SpeechCreated, SpeechDeleted, SpeechRef, SpeechSnapshot, SpeechUpdated, TagRef
from shared.audio.measurer import Measurer
from shared.data.cache import Cache
from shared.data.db import Database
from shared.data.db_errors import retry_conflicts
from shared.data.storage import Storage
from shared.errors import field_error
from shared.messaging.outbox import record
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from content.audio import measure_recording
from content.catalogue import record_change
from content.commands import audit_log
from content.commands.cache import edit_transaction, invalidate
from content.domain.speeches import (
    ANY_REVISION,
    NewSpeech,
    Revisions,
    SpeechChange,
    find_changed_values,
    group_by_action,
)
from content.errors import SpeechNotFound, UnknownTag
from content.models import Speech, SpeechTag, Tag
from content.queries.speeches import SpeechWithStats, get_cached_speech, get_speech_with_stats
from content.schemas.speeches import SpeechCreate, SpeechUpdate

AUDITED_COLUMNS = tuple(field.name for field in dataclass_fields(NewSpeech) if field.name != "tag_ids")

type TagIdsBySpeech = dict[UUID, set[UUID]]


@retry_conflicts
async def create_speech(
    database: Database, storage: Storage, measurer: Measurer, *, fields: SpeechCreate, actor: UUID | None
) -> SpeechWithStats:
    """Create a speech with an uploaded recording. Raises UnknownTag and the errors of `measure_recording`."""
    # No database connection is held while waiting for the storage.
    duration_ms = await measure_recording(storage, measurer, fields.audio_key)
    async with database.transaction() as session:
        new = NewSpeech(**dict(fields), duration_ms=duration_ms)
        [speech_id] = await create_speeches(session, [new], actor=actor)
        return await get_speech_with_stats(session, speech_id)


async def create_speeches(
    session: AsyncSession, new: Sequence[NewSpeech], *, actor: UUID | None
) -> list[UUID]:
    if not new:
        return []
    tags = await lock_tags(session, {tag_id for speech in new for tag_id in speech.tag_ids})
    speeches = [Speech(**_to_columns(speech)) for speech in new]
    session.add_all(speeches)
    await session.flush()
    tag_ids = {speech.id: set(added.tag_ids) for speech, added in zip(speeches, new, strict=True)}
    await attach_tags(session, tag_ids)
    await record_change(session, [speech.number for speech in speeches])
    for speech in speeches:
        snapshot = _to_snapshot(speech, [tags[tag_id] for tag_id in tag_ids[speech.id]])
        record(session, SpeechCreated, subject=str(speech.id), data=snapshot)
        after = _to_audit_values(speech, tag_ids[speech.id])
        audit_log.record(session, "speech_created", subject=speech.id, actor=actor, after=after)
    return list(tag_ids)


@retry_conflicts
async def update_speech(
    database: Database,
    storage: Storage,
    measurer: Measurer,
    cache: Cache,
    *,
    speech_id: UUID,
    fields: SpeechUpdate,
    actor: UUID | None,
    expected: Revisions,
) -> SpeechWithStats:
    """Update a speech. Raises the errors of `measure_recording` and `apply_speech_change`."""
    change = SpeechChange(**fields.model_dump(exclude_unset=True))
    if change.audio_key is not None:
        # No database connection is held while waiting for the storage.
        duration_ms = await measure_recording(storage, measurer, change.audio_key)
        change = replace(change, duration_ms=duration_ms)
    async with edit_transaction(database, cache) as session:
        await apply_speech_change(session, speech_id, change, actor=actor, expected=expected)
        return await get_speech_with_stats(session, speech_id)


async def apply_speech_change(
    session: AsyncSession,
    speech_id: UUID,
    change: SpeechChange,
    *,
    actor: UUID | None,
    expected: Revisions = ANY_REVISION,
) -> None:
    """Store new values and increment the revision. Unchanged values change nothing.

    Raises SpeechNotFound, UnknownTag, and ChangedMeanwhile for an unexpected revision.
    """
    speech = await _lock_speech(session, speech_id, expected)
    old_tag_ids = (await list_tag_ids(session, [speech_id]))[speech_id]
    new_tag_ids = old_tag_ids if change.tag_ids is None else set(change.tag_ids)
    tags = await lock_tags(session, new_tag_ids)
    values = find_changed_values(speech, _to_columns(change))
    if not values and new_tag_ids == old_tag_ids:
        return
    audit_change(session, speech, values, old_tag_ids, new_tag_ids, actor=actor)
    if new_tag_ids != old_tag_ids:
        await session.execute(delete(SpeechTag).where(SpeechTag.speech_id == speech_id))
        await attach_tags(session, {speech_id: new_tag_ids})
    [speech] = await _store_revisions(session, [speech_id], to_column_values(values))
    await record_change(session, [speech.number])
    _record_updated(session, speech, tags.values())
    invalidate(session, get_cached_speech.build_key(speech_id))


async def archive_speeches(session: AsyncSession, speech_ids: Collection[UUID]) -> None:
    """Archive active speeches. The caller has locked their rows, and audits the change."""
    if speech_ids:
        speeches = await publish_revisions(session, speech_ids, to_column_values({"archived": True}))
        await record_change(session, [speech.number for speech in speeches])


async def delete_speech(
    session: AsyncSession,
    speech_id: UUID,
    *,
    actor: UUID | None,
    expected: Revisions = ANY_REVISION,
) -> None:
    """Delete a speech. Its recording stays for past sessions.

    Raises SpeechNotFound, and ChangedMeanwhile for an unexpected revision.
    """
    speech = await _lock_speech(session, speech_id, expected)
    before = _to_audit_values(speech, (await list_tag_ids(session, [speech_id]))[speech_id])
    await delete_speeches(session, [speech])
    audit_log.record(session, "speech_deleted", subject=speech_id, actor=actor, before=before)


async def delete_speeches(session: AsyncSession, speeches: Collection[Speech]) -> None:
    """Delete speeches. The caller has locked their rows, and audits the change."""
    ids = [speech.id for speech in speeches]
    await session.execute(delete(Speech).where(Speech.id.in_(ids)))
    await record_change(session, [speech.number for speech in speeches])
    for speech in speeches:
        deleted = SpeechRef(speech_id=speech.id, revision=speech.revision + 1)
        record(session, SpeechDeleted, subject=str(speech.id), data=deleted)
    invalidate(session, *map(get_cached_speech.build_key, ids))


async def publish_revisions(
    session: AsyncSession, speech_ids: Collection[UUID], values: Mapping[str, Any]
) -> Sequence[Speech]:
    """Store and publish a new revision with the same values for several speeches, in id order."""
    speeches = await _store_revisions(session, speech_ids, values)
    await publish_snapshots(session, speeches)
    invalidate(session, *map(get_cached_speech.build_key, speech_ids))
    return speeches


async def publish_snapshots(session: AsyncSession, speeches: Collection[Speech]) -> None:
    """Publish the current state of speeches, in id order."""
    tag_ids_by_speech = await list_tag_ids(session, [speech.id for speech in speeches])
    tags = await lock_tags(session, set().union(*tag_ids_by_speech.values()))
    for speech in sorted(speeches, key=lambda speech: speech.id):
        _record_updated(session, speech, [tags[tag_id] for tag_id in tag_ids_by_speech[speech.id]])


async def list_tag_ids(session: AsyncSession, speech_ids: Collection[UUID]) -> TagIdsBySpeech:
    tag_ids_by_speech: TagIdsBySpeech = {speech_id: set() for speech_id in speech_ids}
    rows = select(SpeechTag.speech_id, SpeechTag.tag_id).where(SpeechTag.speech_id.in_(speech_ids))
    for speech_id, tag_id in await session.execute(rows):
        tag_ids_by_speech[speech_id].add(tag_id)
    return tag_ids_by_speech


async def _lock_speech(session: AsyncSession, speech_id: UUID, expected: Revisions) -> Speech:
    """Return the speech, locked until the transaction ends."""
    locked = select(Speech).where(Speech.id == speech_id).with_for_update()
    speech = await session.scalar(locked, execution_options={"populate_existing": True})
    if speech is None:
        raise SpeechNotFound(f"There is no speech {speech_id}.")
    expected.ensure_includes(speech.revision)
    return speech


async def lock_tags(session: AsyncSession, tag_ids: Collection[UUID]) -> dict[UUID, TagRef]:
    """Return tags by id, locked against renaming and deletion until the transaction ends. Raises UnknownTag.
    A rename therefore waits for snapshots with the old name, and then finds their speeches.
    """
    locked = select(Tag.id, Tag.name).where(Tag.id.in_(tag_ids)).order_by(Tag.id).with_for_update(read=True)
    tags = {tag_id: TagRef(id=tag_id, name=name) for tag_id, name in await session.execute(locked)}
    if unknown := sorted(str(tag_id) for tag_id in set(tag_ids) - set(tags)):
        raise field_error(
            "#/tag_ids", f"there is no tag {', '.join(unknown)}", error_type=UnknownTag, tag_ids=unknown
        )
    return tags


async def _store_revisions(
    session: AsyncSession, speech_ids: Collection[UUID], values: Mapping[str, Any]
) -> Sequence[Speech]:
    new_values = {**values, "revision": Speech.revision + 1, "updated_at": func.now()}
    updated = update(Speech).where(Speech.id.in_(speech_ids)).values(new_values).returning(Speech)
    return (await session.scalars(updated, execution_options={"populate_existing": True})).all()


async def attach_tags(session: AsyncSession, tag_ids_by_speech: TagIdsBySpeech) -> None:
    rows = [
        {"speech_id": speech_id, "tag_id": tag_id}
        for speech_id, ids in tag_ids_by_speech.items()
        for tag_id in ids
    ]
    if rows:
        await session.execute(insert(SpeechTag), rows)


def _record_updated(session: AsyncSession, speech: Speech, tags: Iterable[TagRef]) -> None:
    record(session, SpeechUpdated, subject=str(speech.id), data=_to_snapshot(speech, tags))


def audit_change(
    session: AsyncSession,
    speech: Speech,
    values: Mapping[str, Any],
    old_tag_ids: Collection[UUID],
    new_tag_ids: Collection[UUID],
    *,
    actor: UUID | None,
) -> None:
    before = {name: getattr(speech, name) for name in values}
    after = dict(values)
    if new_tag_ids != old_tag_ids:
        before["tag_ids"], after["tag_ids"] = _to_sorted_text(old_tag_ids), _to_sorted_text(new_tag_ids)
    for action, names in group_by_action(after).items():
        old, new = ({name: values[name] for name in names} for values in (before, after))
        audit_log.record(session, action, subject=speech.id, actor=actor, before=old, after=new)


def _to_audit_values(speech: Speech, tag_ids: Collection[UUID]) -> dict[str, Any]:
    values = {name: getattr(speech, name) for name in AUDITED_COLUMNS}
    return {**values, "tag_ids": _to_sorted_text(tag_ids)}


def _to_sorted_text(tag_ids: Collection[UUID]) -> list[str]:
    return sorted(map(str, tag_ids))


def to_column_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns for changed values: a time for `archived`, and a new recording is not missing."""
    columns = {name: value for name, value in values.items() if name != "archived"}
    if "archived" in values:
        columns["archived_at"] = func.now() if values["archived"] else None
    if "audio_key" in values:
        columns["audio_missing_since"] = None
    return columns


def _to_columns(changes: NewSpeech | SpeechChange) -> dict[str, Any]:
    return {name: value for name, value in vars(changes).items() if name != "tag_ids" and value is not None}


def _to_snapshot(speech: Speech, tags: Iterable[TagRef]) -> SpeechSnapshot:
    column_names = SpeechSnapshot.model_fields.keys() - {"speech_id", "tags"}
    values = {name: getattr(speech, name) for name in column_names}
    return SpeechSnapshot(speech_id=speech.id, tags=sorted(tags, key=lambda tag: tag.name), **values)
