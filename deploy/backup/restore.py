"""Restores a backup into an empty system: first the objects, then all databases."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from shared.data.schema import get_expected_version

from deploy.backup.errors import BackupFailed
from deploy.backup.loading import LoadTransaction
from deploy.backup.manifest import Manifest, verify
from deploy.backup.objects import StoredObject, Upload
from deploy.backup.postgres import Database, connect_all
from deploy.backup.queues import describe
from deploy.backup.snapshot import Report
from deploy.backup.system import System


async def restore(system: System, folder: Path, *, report: Report) -> Manifest:
    """Restore a backup. Raises BackupFailed, and leaves the system empty.

    An interruption before the first commit also leaves it empty; a later one is ignored. Rows become visible
    only at the end, and without them no client can find the objects. The schemas are those of the backup, so
    the services' migrations must run next.
    """
    committing = asyncio.Event()
    restoring = asyncio.create_task(_restore(system, folder, report, committing))
    try:
        return await asyncio.shield(restoring)
    except asyncio.CancelledError:
        if not committing.is_set():
            restoring.cancel()
        return await restoring


async def _restore(system: System, folder: Path, report: Report, committing: asyncio.Event) -> Manifest:
    # A newer schema is detected before reading gigabytes.
    ensure_readable(Manifest.read(folder), system)
    manifest, objects = await asyncio.to_thread(verify, folder)
    report(f"{folder} is complete: {len(objects)} objects, {len(manifest.databases)} databases")
    async with connect_all(system.databases, programs=system.programs) as databases:
        upload = Upload(system.bucket, folder)
        await _ensure_empty(system, databases, upload)
        async with _undo_on_failure(upload):
            await _upload_objects(upload, objects)
            report(f"{len(objects)} objects are in the bucket")
            await _load(databases, manifest, folder, report, committing)
    return manifest


def ensure_readable(manifest: Manifest, system: System) -> None:
    """Raise BackupFailed if the backup has other services, or a schema that this version does not know."""
    if manifest.databases.keys() != system.databases.keys():
        raise BackupFailed(
            f"The backup has the databases {', '.join(manifest.databases)}, "
            f"this version has {', '.join(system.databases)}."
        )
    for service, dump in manifest.databases.items():
        if dump.revision > get_expected_version(service):
            raise BackupFailed(
                f"The backup is of a newer version ({manifest.commit}): this one does not know the schema "
                f"{dump.revision} of {service}. Restore it with that version."
            )


async def _ensure_empty(system: System, databases: Sequence[Database], upload: Upload) -> None:
    for database in databases:
        await database.ensure_unused()
        await database.ensure_empty()
    if (key := await asyncio.to_thread(upload.find_present)) is not None:
        raise BackupFailed(
            f"The bucket {system.bucket.name} is not empty: it has {key}. Restore into an empty one."
        )
    counts = await asyncio.to_thread(system.queues.count) if system.queues else {}
    if filled := {name: messages for name, messages in counts.items() if messages}:
        raise BackupFailed(
            f"RabbitMQ has messages of another system: {describe(filled)}. Purge these queues first."
        )


@asynccontextmanager
async def _undo_on_failure(upload: Upload) -> AsyncIterator[None]:
    try:
        yield
    except BaseException:
        await asyncio.shield(asyncio.to_thread(upload.undo))
        raise


async def _upload_objects(upload: Upload, objects: Sequence[StoredObject]) -> None:
    uploading = asyncio.ensure_future(asyncio.to_thread(upload.upload_all, objects))
    try:
        await asyncio.shield(uploading)
    except asyncio.CancelledError:
        # Nothing must be uploaded after `undo`.
        upload.stop()
        await asyncio.wait({uploading})
        raise


async def _load(
    databases: Sequence[Database],
    manifest: Manifest,
    folder: Path,
    report: Report,
    committing: asyncio.Event,
) -> None:
    async with AsyncExitStack() as stack:
        transactions = []
        for database in databases:
            transaction = await stack.enter_async_context(LoadTransaction.open_transaction(database))
            await transaction.load(folder / manifest.databases[database.service].file.path)
            report(f"{database.service} is loaded")
            transactions.append(transaction)
        for database in databases:
            await database.ensure_unused()
        committing.set()
        for transaction in transactions:
            await transaction.commit()
