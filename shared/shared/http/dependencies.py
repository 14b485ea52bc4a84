"""FastAPI dependencies that several services share."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession

from shared.data.db import Database


async def _request_transaction(request: Request) -> AsyncIterator[AsyncSession]:
    database: Database = request.app.state.database
    async with database.transaction() as session:
        yield session


# FastAPI leaves a dependency after the response is sent, unless its scope is the function: then the
# order is handler, commit, response, and nobody is told of a change that was not kept.
Session = Annotated[AsyncSession, Depends(_request_transaction, scope="function")]
