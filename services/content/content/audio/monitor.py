"""The recordings in the storage: whether a speech can take one, and whether they are still there."""

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager

import structlog
from prometheus_client import Gauge
from shared.db import Database
from shared.errors import Unavailable
from shared.storage import Storage
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from content.models import Speech

log = structlog.get_logger(__name__)


INITIAL_DELAY_SECONDS = 5.0
CHECK_INTERVAL_SECONDS = 30.0
NEWEST, FOLLOWING = 20, 150
"""How many of the newest speeches are looked at each time, and how many further ones, in turns."""
MAX_TRACKED_MISSING = 1_000
"""From so many missing ones on, no further ones are looked for."""
CONCURRENCY = 4
MAX_LOGGED_KEYS = 20
"""How many missing ones a log line names."""
MISSING = Gauge("recordings_missing", "Recordings of speeches that were looked for and are not there.")


class RecordingsMissing(Unavailable):
    """Speeches name recordings that are not in the storage."""

    code = "recordings_missing"


class RecordingMonitor:
    """Looks now and then whether recordings are where speeches say: the newest, and the others in turns."""

    def __init__(self, database: Database, storage: Storage) -> None:
        self._database, self._storage = database, storage
        self._reached = 0
        self._missing: Mapping[int, str] = {}
        self._reading = asyncio.Lock()

    async def ping(self) -> None:
        """Raise RecordingsMissing while any are known to be missing."""
        if self._missing:
            raise RecordingsMissing(f"Missing in the storage: {', '.join(self._missing.values())}.")

    async def look(self) -> None:
        """Look for the next ones, and again for missing ones. Raises DatabaseDown and StorageDown."""
        # When everything is gone, some of it says so as well.
        most = FOLLOWING if len(self._missing) < MAX_TRACKED_MISSING else 0
        async with self._reading, self._database.transaction() as session:
            following = await list_recordings_after(session, self._reached, most=most)
            newest = await list_newest_recordings(session, most=NEWEST)
            again = await list_recordings(session, self._missing)
        wanted = following | newest | again
        turn = asyncio.Semaphore(CONCURRENCY)

        async def exists(key: str) -> bool:
            async with turn:
                return await self._storage.exists(key)

        there = await asyncio.gather(*map(exists, wanted.values()))
        self._reached = max(following, default=self._reached) if len(following) == most else 0
        self._missing = {
            number: key for (number, key), found in zip(wanted.items(), there, strict=True) if not found
        }
        MISSING.set(len(self._missing))
        if self._missing:
            log.warning("recordings_missing", keys=list(self._missing.values())[:MAX_LOGGED_KEYS])

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Look again and again while the block runs."""
        watching = asyncio.create_task(self._run())
        yield
        # The storage may be slow and need not be waited for; to cancel a query would cost the connection.
        async with self._reading:
            watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)

    async def _run(self) -> None:
        await asyncio.sleep(INITIAL_DELAY_SECONDS)
        while True:
            started = time.monotonic()
            try:
                await self.look()
            except Unavailable as error:
                log.warning("recordings_not_looked_for", reason=error.detail)
            except Exception:
                # Whatever it is, the next look may succeed, and nothing depends on this one.
                log.exception("recordings_not_looked_for")
            await asyncio.sleep(max(0.0, CHECK_INTERVAL_SECONDS - (time.monotonic() - started)))


async def list_newest_recordings(session: AsyncSession, *, most: int) -> dict[int, str]:
    """The keys of the newest speeches' recordings, by the number of the speech."""
    return await _recordings(session, select(Speech).order_by(Speech.id.desc()).limit(most))


async def list_recordings_after(session: AsyncSession, number: int, *, most: int) -> dict[int, str]:
    """The keys of the recordings of the next speeches, in the order of their numbers."""
    following = select(Speech).where(Speech.number > number).order_by(Speech.number).limit(most)
    return await _recordings(session, following)


async def list_recordings(session: AsyncSession, numbers: Collection[int]) -> dict[int, str]:
    """The keys of these speeches' recordings now; a speech that is gone has none."""
    return await _recordings(session, select(Speech).where(Speech.number.in_(numbers)))


async def _recordings(session: AsyncSession, speeches: Select[Speech]) -> dict[int, str]:
    rows = await session.execute(speeches.with_only_columns(Speech.number, Speech.audio_key))
    return {number: key for number, key in rows}
