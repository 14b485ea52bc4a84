"""What routes depend on."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request
from shared.cache import Cache
from shared.db import Database
from shared.ratelimit import per_user
from shared.storage import Storage
from shared.tokens import has_role
from sqlalchemy.ext.asyncio import AsyncSession

from content.commands import edit_transaction

EDITORS_ONLY = [Depends(has_role("editor", "admin")), Depends(per_user("admin", per_minute=200))]


async def _database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


async def _storage(request: Request) -> Storage:
    storage: Storage = request.app.state.storage
    return storage


async def _cache(request: Request) -> Cache:
    cache: Cache = request.app.state.cache
    return cache


async def _edit_session(request: Request) -> AsyncIterator[AsyncSession]:
    async with edit_transaction(request.app.state.database, request.app.state.cache) as session:
        yield session


DatabaseDep = Annotated[Database, Depends(_database)]
StorageDep = Annotated[Storage, Depends(_storage)]
CacheDep = Annotated[Cache, Depends(_cache)]
EditSessionDep = Annotated[AsyncSession, Depends(_edit_session, scope="function")]
"""A transaction of its own that also removes the cached values it makes stale, before the response."""
