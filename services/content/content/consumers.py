import asyncio

from contracts.auth import UserDeleted
from contracts.game import SessionCompleted, SessionDeleted
from contracts.importer import ImportUndoRequested, ImportValidated
from shared.data.db import Database
from shared.data.storage import Storage
from shared.messaging.inbox import Subscriptions
from shared.messaging.jobs import Effect, GivenUp
from sqlalchemy.ext.asyncio import AsyncSession

from content.commands import import_undo, imports, plays, recent_plays

MAX_LARGE_IMPORTS, MAX_SMALL_IMPORTS = 2, 1
"""Running at a time. Each takes two connections of the pool."""
MAX_SMALL_IMPORT_ROWS = 1_000
MAX_DELIVERED_IMPORTS = MAX_LARGE_IMPORTS + MAX_SMALL_IMPORTS + 1
"""One more than can run: if it is large and waits, a small one behind it is still delivered."""


async def on_session_completed(session: AsyncSession, event: SessionCompleted) -> None:
    await plays.count_plays(session, event.data.results)
    recent_plays.remember_session(session, event.data)


async def on_session_deleted(session: AsyncSession, event: SessionDeleted) -> None:
    await plays.subtract_plays(session, event.data.results)
    recent_plays.forget_session(session, event.data)


async def on_user_deleted(session: AsyncSession, event: UserDeleted) -> None:
    recent_plays.forget_user(session, event.data.user_id)


async def on_import_undo_requested(session: AsyncSession, event: ImportUndoRequested) -> None:
    await import_undo.request_undo(session, event.data)


async def on_import_given_up(session: AsyncSession, event: ImportValidated, _: GivenUp) -> None:
    await imports.give_up_import(session, event.data)


def create_subscriptions(database: Database, storage: Storage) -> Subscriptions:
    large, small = asyncio.Semaphore(MAX_LARGE_IMPORTS), asyncio.Semaphore(MAX_SMALL_IMPORTS)

    async def on_import_validated(event: ImportValidated) -> None:
        async with small if event.data.rows <= MAX_SMALL_IMPORT_ROWS else large:
            await imports.apply_import(database, storage, event.data)

    return {
        SessionCompleted: on_session_completed,
        SessionDeleted: on_session_deleted,
        UserDeleted: on_user_deleted,
        # The importer announces an owner's imports one at a time, so concurrent ones have different owners.
        ImportValidated: Effect(
            on_import_validated, max_concurrent=MAX_DELIVERED_IMPORTS, give_up=on_import_given_up
        ),
        ImportUndoRequested: on_import_undo_requested,
    }
