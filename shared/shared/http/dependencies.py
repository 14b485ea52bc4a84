"""FastAPI dependencies that several services share."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession

from shared.data.cache import Cache
from shared.data.db import Database
from shared.data.storage import Storage
from shared.http.repeat import repeat_request_on_conflict


def from_state(name: str) -> Any:
    """Inject `app.state.<name>`."""

    # Async, because FastAPI runs other functions in a thread.
    async def read_state(request: Request) -> Any:
        return getattr(request.app.state, name)

    return Depends(read_state)


DatabaseDep = Annotated[Database, from_state("database")]
StorageDep = Annotated[Storage, from_state("storage")]
CacheDep = Annotated[Cache, from_state("cache")]


async def _open_session(request: Request) -> AsyncIterator[AsyncSession]:
    # Not a dependency on DatabaseDep: each level of dependencies costs every request a few microseconds.
    database: Database = request.app.state.database
    with repeat_request_on_conflict():
        async with database.transaction() as session:
            yield session


# By default FastAPI exits a dependency after it has sent the response. With the function's scope the order is
# handler, commit, response: a client never receives success for a change that was rolled back.
SessionDep = Annotated[AsyncSession, Depends(_open_session, scope="function")]
