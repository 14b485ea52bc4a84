"""Handlers of the events that the importer service consumes."""

from contracts.content import ImportApplied, ImportRejected, ImportUndone
from shared.messaging.inbox import Subscriptions
from sqlalchemy.ext.asyncio import AsyncSession

from importer.commands import imports


async def on_import_applied(session: AsyncSession, event: ImportApplied) -> None:
    await imports.complete_import(session, event.data)


async def on_import_rejected(session: AsyncSession, event: ImportRejected) -> None:
    await imports.fail_refused_import(session, event.data)


async def on_import_undone(session: AsyncSession, event: ImportUndone) -> None:
    await imports.finish_undo(session, event.data)


subscriptions: Subscriptions = {
    ImportApplied: on_import_applied,
    ImportRejected: on_import_rejected,
    ImportUndone: on_import_undone,
}
