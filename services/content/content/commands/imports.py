"""Apply an import's batch in one transaction: all of its speeches, or none."""

from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta
from itertools import batched
from typing import ClassVar
from uuid import UUID

import structlog
from contracts.content import (
    AppliedImport,
    ImportApplied,
    ImportedSpeeches,
    ImportRejected,
    RefusedImport,
    SpeechImported,
    TagRef,
)
from contracts.importer import ValidatedBatch
from shared.data.db import Database
from shared.data.db_errors import TransactionConflict, retry_conflicts
from shared.data.storage import Storage
from shared.messaging.inbox import claim
from shared.messaging.jobs import GivenUp, Job, WorkTooLong
from shared.messaging.outbox import enqueue, record, spread_due_times
from sqlalchemy import ARRAY, Select, Uuid, any_, delete, func, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from content.batches import BatchTable, IdRange, UnusableBatch, read_batch
from content.commands import audit_log
from content.commands.tags import PropagateTagName, create_tags
from content.models import RunningImport, Tag

log = structlog.get_logger(__name__)

MAX_SMALL_IMPORT_ROWS = 1_000
NEW_TAG_CATEGORY = "imported"
"""The category of tags created by imports, until editors move them to another one."""
APPLIED_IMPORTS = "content.imports"
"""Name under which imports are claimed by id, so that an import is applied once even after two events."""
CRASHED = (
    "Adding the rows to the catalogue ended our program several times. Split the table into smaller ones, "
    "and import them one after another."
)
TOO_LONG = (
    "Adding the rows to the catalogue took too long. Split the table into smaller ones, and import them one "
    "after another."
)
TAG_CHUNK_SIZE = 1_000
EVENT_INTERVAL = timedelta(milliseconds=20)
"""Paces other services' processing of a large import, so that other events do not wait behind it."""


class ApplyImport(Job):
    """Add the rows of a large import to the catalogue."""

    service: ClassVar[str] = "content"

    batch: ValidatedBatch


class ApplySmallImport(Job):
    """Add the rows of a small import to the catalogue."""

    service: ClassVar[str] = "content"

    batch: ValidatedBatch


def request_import(session: AsyncSession, batch: ValidatedBatch) -> None:
    """Enqueue an import where it waits without a delivery, for which RabbitMQ has a time limit."""
    job = ApplySmallImport if batch.rows <= MAX_SMALL_IMPORT_ROWS else ApplyImport
    enqueue(session, job(batch=batch))


@retry_conflicts
async def apply_import(database: Database, storage: Storage, batch: ValidatedBatch) -> None:
    """Create all speeches of a batch, or record why that is not possible. Raises StorageUnavailable."""
    async with database.transaction(is_long=True) as session:
        if not await claim(session, APPLIED_IMPORTS, batch.import_id):
            return
        table = BatchTable(session)
        try:
            names = await _load_batch(table, storage, batch)
        except UnusableBatch as error:
            _record_rejected(session, batch, error)
            await _delete_running(session, batch.import_id)
            return
        await _record_running(database, batch.import_id, table.ids)
        tag_ids = await _ensure_tags(database, names, actor=batch.owner_id)
        await table.create_speeches(batch.import_id)
        tags = await _lock_tags(session, tag_ids)
        await table.attach_tags(tag_ids)
        await table.analyze()
        events = await _record_speeches(session, table, batch, tags)
        await _publish_renames(session, tags)
        await spread_due_times(session, [*events, _record_applied(session, batch)], interval=EVENT_INTERVAL)
        await _delete_running(session, batch.import_id)
    log.info("import_applied", import_id=str(batch.import_id), speeches=batch.rows)


async def give_up_import(session: AsyncSession, batch: ValidatedBatch, error: GivenUp) -> None:
    """Reject an import that cannot be applied, unless it was."""
    if await claim(session, APPLIED_IMPORTS, batch.import_id):
        detail = TOO_LONG if isinstance(error, WorkTooLong) else CRASHED
        _record_rejected(session, batch, UnusableBatch("not_applied", detail))
        await _delete_running(session, batch.import_id)


async def _load_batch(table: BatchTable, storage: Storage, batch: ValidatedBatch) -> set[str]:
    """Copy the rows into the temporary table. Returns the names of their tags, or raises UnusableBatch."""
    names = set[str]()
    await table.create()
    async for rows in read_batch(storage, batch):
        await table.add(rows)
        names.update(name for row in rows for name in row.tags)
    return names


@retry_conflicts
async def _record_running(database: Database, import_id: UUID, ids: IdRange) -> None:
    """Record the import's id range, so that lists skip its uncommitted rows instead of checking each row."""
    ends = {"first_id": ids.first, "last_id": ids.last}
    async with database.transaction() as session:
        statement = insert(RunningImport).values(import_id=import_id, **ends)
        # An earlier attempt may have recorded other ids.
        await session.execute(statement.on_conflict_do_update(index_elements=["import_id"], set_=ends))


async def _delete_running(session: AsyncSession, import_id: UUID) -> None:
    await session.execute(delete(RunningImport).where(RunningImport.import_id == import_id))


@retry_conflicts
async def _ensure_tags(database: Database, names: Collection[str], *, actor: UUID) -> dict[str, UUID]:
    """Create missing tags, and return all ids by name."""
    # In separate short transactions, because others that create the same tag wait for the commit.
    ids: dict[str, UUID] = {}
    for chunk in batched(sorted(names), TAG_CHUNK_SIZE):
        async with database.transaction() as session:
            ids |= await create_tags(session, dict.fromkeys(chunk, NEW_TAG_CATEGORY), actor=actor)
    return ids


async def _lock_tags(session: AsyncSession, tag_ids: Mapping[str, UUID]) -> dict[str, TagRef]:
    """Return the tags by their names in the batch, locked against deletion until the transaction ends."""
    statement = _select_tags(tag_ids.values()).with_for_update(read=True, key_share=True)
    locked = await session.execute(statement)
    tags = {tag_id: TagRef(id=tag_id, name=name) for tag_id, name in locked}
    try:
        return {name: tags[tag_id] for name, tag_id in tag_ids.items()}
    except KeyError as error:
        raise TransactionConflict("An editor has deleted a tag that the import needs.") from error


async def _record_speeches(
    session: AsyncSession, table: BatchTable, batch: ValidatedBatch, tags: Mapping[str, TagRef]
) -> list[UUID]:
    """Return the ids of the events."""
    ids = list[UUID]()
    async for snapshots in table.read_snapshots(tags):
        data = ImportedSpeeches(import_id=batch.import_id, speeches_total=batch.rows, speeches=snapshots)
        ids.append(record(session, SpeechImported, subject=str(batch.import_id), data=data).id)
        # Flushed immediately, because all events of a large import do not fit into memory.
        await session.flush()
    return ids


async def _publish_renames(session: AsyncSession, tags: Mapping[str, TagRef]) -> None:
    """Publish the new name of tags that were renamed since the snapshots were made."""
    # Renames wait for this lock until the commit, and then see the new speeches.
    recorded = {tag.id: tag.name for tag in tags.values()}
    current = (await session.execute(_select_tags(recorded).with_for_update(read=True))).all()
    if renamed := [tag_id for tag_id, name in current if name != recorded[tag_id]]:
        locked_at = (await session.scalars(select(func.clock_timestamp()))).one()
        for tag_id in renamed:
            enqueue(session, PropagateTagName(tag_id=tag_id, locked_at=locked_at))


def _select_tags(tag_ids: Iterable[UUID]) -> Select[UUID, str]:
    """Select ids and names in the common lock order of tags."""
    listed_ids = any_(literal(list(tag_ids), ARRAY(Uuid)))
    return select(Tag.id, Tag.name).where(Tag.id == listed_ids).order_by(Tag.id)


def _record_applied(session: AsyncSession, batch: ValidatedBatch) -> UUID:
    """Return the id of the event."""
    applied = AppliedImport(import_id=batch.import_id, speeches_total=batch.rows)
    audit_log.record(
        session,
        "import_applied",
        subject=batch.import_id,
        actor=batch.owner_id,
        after={"speeches": batch.rows},
    )
    return record(session, ImportApplied, subject=str(batch.import_id), data=applied).id


def _record_rejected(session: AsyncSession, batch: ValidatedBatch, error: UnusableBatch) -> None:
    log.warning("import_rejected", import_id=str(batch.import_id), code=error.code)
    refused = RefusedImport(import_id=batch.import_id, code=error.code, detail=error.detail)
    record(session, ImportRejected, subject=str(batch.import_id), data=refused)
