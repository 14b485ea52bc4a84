"""The database of a service: one engine, and the only place that opens and commits transactions."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext, suppress
from typing import Any

import asyncpg
from sqlalchemy import URL, MetaData, NullPool, event, text
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import (
    AsyncConnection,
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.util import greenlet_spawn

from shared.data.db_errors import has_failed_to_begin, translate_driver_errors
from shared.data.watchdog import Watchdog
from shared.settings import DatabaseSettings

POOL_TIMEOUT_SECONDS, CONNECT_TIMEOUT_SECONDS = 0.8, 1.1
"""Together less than two seconds: a request may wait for both."""
CLOSE_TIMEOUT_SECONDS = 1.0


class Base(DeclarativeBase):
    """Base of all tables. Its naming convention gives migrations stable constraint names."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


def create_engine(url: str, *, name: str, statement_timeout_ms: int = 15_000, **pool: int) -> AsyncEngine:
    """Create a pool whose connections fail within two seconds. A statement timeout of 0 means no limit."""
    engine = create_async_engine(
        url,
        hide_parameters=True,
        pool_timeout=POOL_TIMEOUT_SECONDS,
        connect_args=_connect_args(name, statement_timeout_ms=statement_timeout_ms),
        **pool,
    )
    event.listen(engine.sync_engine, "handle_error", _drop_if_begin_failed)
    return engine


def _drop_if_begin_failed(context: ExceptionContext) -> None:
    if context.connection is None or context.connection.closed:
        return
    driver = context.connection.connection.driver_connection
    if has_failed_to_begin(context.original_exception, driver):
        # asyncpg still assumes an open transaction and would send SAVEPOINT instead of BEGIN.
        context.is_disconnect = True
        context.invalidate_pool_on_disconnect = False


def _create_prober(url: URL, *, name: str) -> AsyncEngine:
    arguments = _connect_args(name) | {"command_timeout": CONNECT_TIMEOUT_SECONDS}
    return create_async_engine(url, hide_parameters=True, poolclass=NullPool, connect_args=arguments)


def _connect_args(name: str, *, statement_timeout_ms: int = 15_000) -> dict[str, Any]:
    # A server that disappeared without closing the connection does not apply its own timeout.
    command_timeout = statement_timeout_ms / 1000 + 5 if statement_timeout_ms else None
    return {
        "timeout": CONNECT_TIMEOUT_SECONDS,
        "command_timeout": command_timeout,
        "server_settings": {
            "application_name": name,
            "jit": "off",
            "statement_timeout": str(statement_timeout_ms),
            "idle_in_transaction_session_timeout": "30000",
        },
    }


type Observer = Callable[[Mapping[Any, Any]], Awaitable[None]]
"""Called after a commit, before the caller continues, with the session's `info`. It must not raise."""


class Database:
    def __init__(self, bind: AsyncEngine | AsyncConnection, *, max_fetches: int = 5) -> None:
        self._bind = bind
        self._watchdog: Watchdog | None = None
        if isinstance(bind, AsyncEngine):
            self._watchdog = Watchdog(bind, _create_prober(bind.url, name="probe"))
        # SQLAlchemy's pool is not fair: a returned connection may go to a newcomer while earlier callers time
        # out. This semaphore queues fetches in order.
        self._fetch_slots = asyncio.Semaphore(max_fetches)
        # Rows stay readable after the commit, so that a response needs no second query.
        self._sessions = async_sessionmaker(
            bind, expire_on_commit=False, join_transaction_mode="create_savepoint"
        )
        self.after_commit: list[Observer] = []

    @classmethod
    def from_settings(cls, settings: DatabaseSettings, *, name: str) -> "Database":
        """Create a pool that connects at the first query. `name` appears in pg_stat_activity."""
        url = settings.database_url.get_secret_value()
        size, overflow = settings.database_pool_size, settings.database_pool_overflow
        engine = create_engine(url, name=name, pool_size=size, max_overflow=overflow)
        return cls(engine, max_fetches=(size + 1) // 2)

    @asynccontextmanager
    async def transaction(self, *, is_long: bool = False) -> AsyncIterator[AsyncSession]:
        """Commit at the end of the block, roll back if it raises. Raises the errors of db_errors.

        A long transaction takes minutes, in short statements. Only their timeout aborts it, not the watchdog.
        """
        with translate_driver_errors(), nullcontext() if is_long else self._watch():
            async with self._sessions() as session, self._exempt(session if is_long else None):
                yield session
                await session.commit()
        # The connection has already been returned to the pool.
        for observe in self.after_commit:
            await observe(session.info)

    async def fetch(self, statement: str, *arguments: object) -> list[asyncpg.Record]:
        """Return the rows of one statement with arguments $1, $2, outside a transaction, in half the time."""
        with translate_driver_errors(), self._watch():
            async with self._fetch_slot(), self._open_driver() as driver:
                try:
                    rows: list[asyncpg.Record] = await driver.fetch(statement, *arguments)
                except asyncpg.InternalClientError as error:
                    # The server has closed the connection, but the driver has not noticed.
                    driver.terminate()
                    raise ConnectionResetError from error
                return rows

    def _watch(self) -> AbstractContextManager[None]:
        return self._watchdog.watch() if self._watchdog else nullcontext()

    @asynccontextmanager
    async def _exempt(self, session: AsyncSession | None) -> AsyncIterator[None]:
        # A long transaction causes hundreds of probes, and a busy server may respond to one of them too late.
        if session is None or self._watchdog is None:
            yield
            return
        connection = await (await session.connection()).get_raw_connection()
        with self._watchdog.exempt(connection.driver_connection):
            yield

    @asynccontextmanager
    async def _fetch_slot(self) -> AsyncIterator[None]:
        async with asyncio.timeout(POOL_TIMEOUT_SECONDS):
            await self._fetch_slots.acquire()
        try:
            yield
        finally:
            self._fetch_slots.release()

    @asynccontextmanager
    async def listen(self, channel: str, on_notify: Callable[[], None]) -> AsyncIterator[Callable[[], bool]]:
        """Call `on_notify` at every NOTIFY. Yields a function that returns whether it is still listening."""
        with translate_driver_errors():
            async with self._open_driver() as driver:
                await driver.add_listener(channel, lambda *_: on_notify())
                try:
                    yield lambda: not driver.is_closed()
                finally:
                    # Closed, because the pool would reuse the connection with its listener.
                    await driver.close(timeout=1.0)

    @asynccontextmanager
    async def _open_driver(self) -> AsyncIterator[Any]:
        if isinstance(self._bind, AsyncConnection):
            yield (await self._bind.get_raw_connection()).driver_connection
            return
        connection = await self._bind.raw_connection()
        driver: Any = connection.driver_connection
        try:
            yield driver
        finally:
            # The pool has not noticed the broken connection and would hand it out again.
            if driver.is_closed():
                connection.invalidate()
            await greenlet_spawn(connection.close)

    async def ping(self) -> None:
        """Raise DatabaseUnavailable if the database does not respond."""
        async with self.transaction() as session:
            await session.execute(text("SELECT 1"))

    async def close(self) -> None:
        if self._watchdog is None or not isinstance(self._bind, AsyncEngine):
            return
        await self._watchdog.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT_SECONDS):
                await self._bind.dispose()
        # Connections still checked out, and those that a silent server has not closed.
        self._watchdog.abort_connections()
