from contracts.auth import UserDeleted
from contracts.game import SessionCompleted, SessionDeleted
from contracts.importer import ImportUndoRequested, ImportValidated
from shared.messaging.inbox import Subscriptions
from sqlalchemy.ext.asyncio import AsyncSession

from content.commands import import_undo, imports, plays, recent_plays


async def on_session_completed(session: AsyncSession, event: SessionCompleted) -> None:
    await plays.count_plays(session, event.data.results)
    recent_plays.remember_session(session, event.data)


async def on_session_deleted(session: AsyncSession, event: SessionDeleted) -> None:
    await plays.subtract_plays(session, event.data.results)
    recent_plays.forget_session(session, event.data)


async def on_user_deleted(session: AsyncSession, event: UserDeleted) -> None:
    recent_plays.forget_user(session, event.data.user_id)


async def on_import_validated(session: AsyncSession, event: ImportValidated) -> None:
    imports.request_import(session, event.data)


async def on_import_undo_requested(session: AsyncSession, event: ImportUndoRequested) -> None:
    await import_undo.request_undo(session, event.data)


subscriptions: Subscriptions = {
    SessionCompleted: on_session_completed,
    SessionDeleted: on_session_deleted,
    UserDeleted: on_user_deleted,
    ImportValidated: on_import_validated,
    ImportUndoRequested: on_import_undo_requested,
}
