"""The recordings in the storage: whether a speech can take one, and whether they are still there."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import structlog
from prometheus_client import Gauge
from shared.db import Database
from shared.errors import Unavailable, invalid
from shared.storage import NoSuchObject, ObjectTooLarge, Storage

from content.domain import AudioNotFound, AudioTooLarge, AudioTooLong, UnsupportedAudio
from content.queries import sampled_recordings
from content.recording import NotARecording, duration_ms_of

log = structlog.get_logger(__name__)

FIELD = "#/audio_key"
MOST_BYTES = 10_485_760
MOST_MS = 300_000

FIRST_LOOK_SECONDS = 5.0
LOOK_SECONDS = 60.0
SAMPLE = 20
SIDE_BY_SIDE = 4
MISSING = Gauge("recordings_missing", "Recordings of speeches that the last sample did not find.")


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
    """Looks now and then whether some of the newest and some random recordings are where speeches say."""

    def __init__(self, database: Database, storage: Storage) -> None:
        self._database, self._storage = database, storage
        self._missing: Sequence[str] = ()

    async def ping(self) -> None:
        """Raise RecordingsMissing if the last look missed any."""
        if self._missing:
            raise RecordingsMissing(f"Missing in the storage: {', '.join(self._missing)}.")

    async def look(self) -> None:
        """Look for a sample. Raises DatabaseDown and StorageDown."""
        async with self._database.transaction() as session:
            keys = await sampled_recordings(session, each=SAMPLE)
        turn = asyncio.Semaphore(SIDE_BY_SIDE)

        async def exists(key: str) -> bool:
            async with turn:
                return await self._storage.exists(key)

        there = await asyncio.gather(*map(exists, keys))
        self._missing = [key for key, found in zip(keys, there, strict=True) if not found]
        MISSING.set(len(self._missing))
        if self._missing:
            log.warning("recordings_missing", keys=self._missing)

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Look again and again while the block runs."""
        watching = asyncio.create_task(self._run())
        yield
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
