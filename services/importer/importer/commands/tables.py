"""Uploaded tables, which are stored as they arrive, before their import exists."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from shared.data.db import Database
from shared.data.storage import Storage, StorageUnavailable
from shared.errors import Unavailable
from uuid_utils.compat import uuid7

from importer.commands.objects import discard_object, record_pending_object
from importer.domain.imports import MAX_TABLE_BYTES, build_source_key
from importer.errors import EmptyTable, TableTooLarge


@dataclass(frozen=True)
class StoredTable:
    """A stored table whose import does not exist yet."""

    import_id: UUID
    key: str
    sha256: bytes


async def store_table(database: Database, storage: Storage, chunks: AsyncIterator[memoryview]) -> StoredTable:
    """Raises EmptyTable, TableTooLarge or the errors of `chunks`, leaving nothing behind."""
    import_id = uuid7()
    key, digest = build_source_key(import_id), hashlib.sha256()
    await record_pending_object(database, key)
    table = StoredTable(import_id, key, b"")
    try:
        size = await storage.put_stream(key, _hash(chunks, digest))
        if not size:
            raise EmptyTable("The file is empty.")
    except StorageUnavailable:
        # It is unknown what S3 has stored, so the worker removes parts and object later.
        raise
    except BaseException:
        await discard_table(database, storage, table)
        raise
    return StoredTable(import_id, key, digest.digest())


async def discard_table(database: Database, storage: Storage, table: StoredTable) -> None:
    """Delete a table that does not become an import. If that fails, the worker deletes it later."""
    with suppress(Unavailable):
        await discard_object(database, storage, table.key)


async def _hash(chunks: AsyncIterator[memoryview], digest: "hashlib._Hash") -> AsyncIterator[bytes]:
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > MAX_TABLE_BYTES:
            raise TableTooLarge(
                f"The table can have at most {MAX_TABLE_BYTES} bytes.", max_bytes=MAX_TABLE_BYTES
            )
        digest.update(chunk)
        yield bytes(chunk)
