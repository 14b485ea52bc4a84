"""Aborts work on an unresponsive database. Statements may be slow as long as the server responds."""

# A time limit per statement short enough to notice a silent server would end exports, imports and everything
# that waits for a lock. Instead, a long-running transaction triggers a probe of the server on a new
# connection.

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakSet

import asyncpg
import structlog
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.data.db_errors import DatabaseUnavailable, is_connection_error

log = structlog.get_logger(__name__)

PROBE_DELAY_SECONDS = 0.6
PROBE_SLICES, PROBE_SLICE_SECONDS = 10, 0.1
CIRCUIT_RESET_SECONDS = 1.0


class Watchdog:
    def __init__(self, engine: AsyncEngine, prober: AsyncEngine) -> None:
        self._prober = prober
        self._probe: asyncio.Task[None] | None = None
        self._probe_tasks: set[asyncio.Task[bool]] = set()
        self._checked_out: set[object] = set()
        self._exempt_connections: set[object] = set()
        self._connections: WeakSet[asyncpg.Connection[asyncpg.Record]] = WeakSet()
        self._circuit_open_until = 0.0
        pool = engine.sync_engine.pool
        event.listen(pool, "connect", lambda _, record: self._connections.add(record.driver_connection))
        event.listen(pool, "checkout", lambda _, record, __: self._checked_out.add(record))
        event.listen(pool, "checkin", lambda _, record: self._checked_out.discard(record))

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Watch a database operation. Raises DatabaseUnavailable immediately while the server does not
        respond.
        """
        loop = asyncio.get_running_loop()
        if loop.time() < self._circuit_open_until:
            raise DatabaseUnavailable("The database does not answer; try again in a moment.")

        timers: list[asyncio.TimerHandle] = []

        def start_probe() -> None:
            if self._probe is None:
                self._probe = loop.create_task(self._probe_server())
            timers[:] = [loop.call_later(PROBE_DELAY_SECONDS, start_probe)]

        timers.append(loop.call_later(PROBE_DELAY_SECONDS, start_probe))
        try:
            yield
        finally:
            timers[0].cancel()

    @contextmanager
    def exempt(self, connection: object) -> Iterator[None]:
        """Exempt a connection from being aborted."""
        self._exempt_connections.add(connection)
        try:
            yield
        finally:
            self._exempt_connections.discard(connection)

    async def close(self) -> None:
        # Not cancelled, which would leave half-open connections. Both end by their timeouts.
        waiting = {*self._probe_tasks, *filter(None, [self._probe])}
        if waiting:
            await asyncio.wait(waiting)
        await self._prober.dispose()

    def abort_connections(self) -> None:
        """Abort connections that could not be closed."""
        for connection in list(self._connections):
            if not connection.is_closed():
                connection.terminate()

    async def _probe_server(self) -> None:
        probe_task = asyncio.create_task(self._connect())
        self._probe_tasks.add(probe_task)
        probe_task.add_done_callback(self._probe_tasks.discard)
        try:
            # Count iterations of the event loop, because a delayed loop cannot receive the response.
            for _ in range(PROBE_SLICES):
                if (await asyncio.wait({probe_task}, timeout=PROBE_SLICE_SECONDS))[0]:
                    break
            if not probe_task.done() or not probe_task.result():
                self._abort_all()
        finally:
            self._probe = None

    async def _connect(self) -> bool:
        """Return whether the server responded."""
        try:
            async with self._prober.connect():
                return True
        except Exception as error:
            # A server that refuses new connections still serves the existing ones.
            return not is_connection_error(error) or bool(
                getattr(getattr(error, "orig", error), "sqlstate", None)
            )

    def _abort_all(self) -> None:
        log.warning("database_unresponsive", connections=len(self._checked_out))
        self._circuit_open_until = asyncio.get_running_loop().time() + CIRCUIT_RESET_SECONDS
        for record in list(self._checked_out):
            connection = getattr(record, "driver_connection", None)
            if connection is not None and connection not in self._exempt_connections:
                # Closing would wait for a response.
                connection.terminate()
