"""The database of a service: one engine, one place where transactions are opened and committed."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import asyncpg
from sqlalchemy import MetaData, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import (
    AsyncConnection,
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.util import greenlet_spawn

from shared.errors import Unavailable
from shared.settings import DatabaseSettings


class Base(DeclarativeBase):
    """Tables of a service, with constraint names that migrations can refer to."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class DatabaseDown(Unavailable):
    """PostgreSQL cannot be reached, is starting or stopping, or has no connection left."""

    code = "database_unavailable"


def _is_away(error: Exception) -> bool:
    if isinstance(error, DBAPIError):
        if error.connection_invalidated:
            return True
        error = error.orig.__cause__ or error.orig  # type: ignore[union-attr,assignment]
    return isinstance(
        error,
        OSError
        | TimeoutError
        | PoolTimeout
        | asyncpg.PostgresConnectionError
        | asyncpg.OperatorInterventionError
        | asyncpg.InsufficientResourcesError
        | asyncpg.CannotConnectNowError
        | asyncpg.InterfaceError,
    )


@contextmanager
def _told_when_away() -> Iterator[None]:
    try:
        yield
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, SQLAlchemyError) as error:
        if not _is_away(error):
            raise
        raise DatabaseDown("The database does not answer; try again in a moment.") from error


def engine_for(url: str, *, name: str, statement_ms: int = 15_000, **pool: int) -> AsyncEngine:
    """A pool of connections that fail within two seconds, instead of hanging, when the server is away.

    A statement may take `statement_ms` milliseconds; 0 is as long as it needs.
    """
    return create_async_engine(
        url,
        pool_timeout=1.0,
        connect_args={
            "timeout": 1.5,
            "server_settings": {
                "application_name": name,
                "jit": "off",
                "statement_timeout": str(statement_ms),
                "idle_in_transaction_session_timeout": "30000",
            },
        },
        **pool,
    )


class Database:
    """Connections to one service's database."""

    def __init__(self, bind: AsyncEngine | AsyncConnection, *, fetches: int = 5) -> None:
        self._bind = bind
        # The pool lends to whoever comes first when a connection is given back, even past those who wait. So
        # many fetches at once keep the database busy; in a line, none of them waits until it is refused.
        self._turns = asyncio.Semaphore(fetches)
        # Rows stay readable after the commit: the response is made from them without another query.
        self._sessions = async_sessionmaker(
            bind, expire_on_commit=False, join_transaction_mode="create_savepoint"
        )

    @classmethod
    def connect(cls, settings: DatabaseSettings, *, name: str) -> "Database":
        """Prepare a pool; nothing is connected before the first query. `name` shows in pg_stat_activity."""
        url = settings.database_url.get_secret_value()
        size, overflow = settings.database_pool_size, settings.database_pool_overflow
        engine = engine_for(url, name=name, pool_size=size, max_overflow=overflow)
        return cls(engine, fetches=(size + 1) // 2)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """One transaction: committed when the block ends, rolled back when it raises.

        Raises DatabaseDown in place of the driver's many ways to say that the server is away.
        """
        with _told_when_away():
            async with self._sessions() as session:
                yield session
                await session.commit()

    async def fetch(self, statement: str, *arguments: object) -> list[asyncpg.Record]:
        """The rows that one statement reads, in no transaction; $1, $2 and so on are its arguments.

        For what is read at every request: straight from the driver it takes half the time that it takes in a
        session. Raises DatabaseDown.
        """
        with _told_when_away():
            async with self._turns, self._driver() as driver:
                rows: list[asyncpg.Record] = await driver.fetch(statement, *arguments)
                return rows

    @asynccontextmanager
    async def _driver(self) -> AsyncIterator[Any]:
        if isinstance(self._bind, AsyncConnection):
            yield (await self._bind.get_raw_connection()).driver_connection
            return
        lent = await self._bind.raw_connection()
        driver: Any = lent.driver_connection
        try:
            yield driver
        finally:
            # The pool has not seen the connection break, and would lend it out again.
            if driver.is_closed():
                lent.invalidate()
            await greenlet_spawn(lent.close)

    async def ping(self) -> None:
        """Raise unless the database answers."""
        async with self.transaction() as session:
            await session.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Give all connections back."""
        if isinstance(self._bind, AsyncEngine):
            await self._bind.dispose()
