from contracts.game import SessionCompleted, SessionDeleted
from contracts.importer import ImportUndoRequested, ImportValidated
from shared.data.db import Database
from shared.data.storage import Storage
from shared.messaging.inbox import Subscriptions
from shared.messaging.jobs import Effect
from sqlalchemy.ext.asyncio import AsyncSession

from content.commands import import_undo, imports, plays

MAX_CONCURRENT_IMPORTS = 2
"""Each takes two connections of the pool."""


async def on_session_completed(session: AsyncSession, event: SessionCompleted) -> None:
    await plays.count_plays(session, event.data.results)


async def on_session_deleted(session: AsyncSession, event: SessionDeleted) -> None:
    await plays.subtract_plays(session, event.data.results)


async def on_import_undo_requested(session: AsyncSession, event: ImportUndoRequested) -> None:
    await import_undo.request_undo(session, event.data)


def create_subscriptions(database: Database, storage: Storage) -> Subscriptions:
    async def on_import_validated(event: ImportValidated) -> None:
        await imports.apply_import(database, storage, event.data)

    return {
        SessionCompleted: on_session_completed,
        SessionDeleted: on_session_deleted,
        # The importer announces an owner's imports one at a time, so concurrent ones have different owners.
        ImportValidated: Effect(on_import_validated, max_concurrent=MAX_CONCURRENT_IMPORTS),
        ImportUndoRequested: on_import_undo_requested,
    }
