"""The recordings in the storage: whether a speech can take one, and whether they are still there."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import structlog
from prometheus_client import Gauge
from shared.data.db import Database
from shared.data.storage import NoSuchObject, ObjectTooLarge, Storage
from shared.errors import Unavailable, invalid

from content.audio.metadata import NotARecording, duration_ms_of
from content.domain.speeches import AudioNotFound, AudioTooLarge, AudioTooLong, UnsupportedAudio
from content.queries.speeches import newest_recordings, recordings_after, recordings_of

log = structlog.get_logger(__name__)

FIELD = "#/audio_key"
MOST_BYTES = 10_485_760
MOST_MS = 300_000

FIRST_LOOK_SECONDS = 5.0
LOOK_SECONDS = 30.0
NEWEST, FOLLOWING = 20, 150
"""How many of the newest speeches are looked at each time, and how many further ones, in turns."""
ENOUGH = 1_000
"""From so many missing ones on, no further ones are looked for."""
SIDE_BY_SIDE = 4
NAMED = 20
"""How many missing ones a log line names."""
MISSING = Gauge("recordings_missing", "Recordings of speeches that were looked for and are not there.")


class RecordingsMissing(Unavailable):
    """Speeches name recordings that are not in the storage."""

    code = "recordings_missing"


async def duration_of(storage: Storage, key: str) -> int:
    """The length in milliseconds of the recording under a key.

    Raises AudioNotFound, AudioTooLarge, UnsupportedAudio, AudioTooLong, and StorageDown.
    """
    try:
        content = await storage.read(key, most_bytes=MOST_BYTES)
        duration_ms = await asyncio.to_thread(duration_ms_of, content)
    except NoSuchObject as error:
        raise invalid(FIELD, "no such recording was uploaded", of=AudioNotFound) from error
    except ObjectTooLarge as error:
        message = f"the recording must have at most {MOST_BYTES} bytes"
        raise invalid(FIELD, message, of=AudioTooLarge) from error
    except NotARecording as error:
        raise invalid(FIELD, "what was uploaded is no audio that we know", of=UnsupportedAudio) from error
    if duration_ms > MOST_MS:
        raise invalid(FIELD, f"the recording must last at most {MOST_MS // 1000} s", of=AudioTooLong)
    return duration_ms


class WatchedRecordings:
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
        most = FOLLOWING if len(self._missing) < ENOUGH else 0
        async with self._reading, self._database.transaction() as session:
            following = await recordings_after(session, self._reached, most=most)
            newest = await newest_recordings(session, most=NEWEST)
            again = await recordings_of(session, self._missing)
        wanted = following | newest | again
        turn = asyncio.Semaphore(SIDE_BY_SIDE)

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
            log.warning("recordings_missing", keys=list(self._missing.values())[:NAMED])

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
        await asyncio.sleep(FIRST_LOOK_SECONDS)
        while True:
            started = time.monotonic()
            try:
                await self.look()
            except Unavailable as error:
                log.warning("recordings_not_looked_for", reason=error.detail)
            except Exception:
                # Whatever it is, the next look may succeed, and nothing depends on this one.
                log.exception("recordings_not_looked_for")
            await asyncio.sleep(max(0.0, LOOK_SECONDS - (time.monotonic() - started)))
