"""Checks whether the recordings of speeches are still in the object storage."""

import asyncio
from collections.abc import Mapping

import structlog
from prometheus_client import Gauge
from shared.background import Loop
from shared.data.db import Database
from shared.data.storage import Storage
from shared.errors import Unavailable
from sqlalchemy import Select, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from content.models import Speech

log = structlog.get_logger(__name__)

INTERVAL_SECONDS = 30.0
NEWEST_PER_CHECK = 20
OTHERS_PER_CHECK = 150
MAX_TRACKED_MISSING = 1_000
"""With this many missing recordings, a check no longer looks for others."""
CONCURRENCY = 4
MAX_LOGGED_KEYS = 20
MISSING = Gauge("recordings_missing", "Speeches' recordings that are missing from the object storage.")

# Speeches locked by another transaction are skipped until the next check. The key differs if the recording
# has been replaced since.
_SEEN_SPEECHES = """
    SELECT id FROM speeches
    JOIN unnest(CAST(:numbers AS bigint[]), CAST(:keys AS text[])) AS seen (number, key)
    ON speeches.number = seen.number AND audio_key = key
    WHERE audio_missing_since IS {} FOR NO KEY UPDATE OF speeches SKIP LOCKED
"""
_MARK = "UPDATE speeches SET audio_missing_since = {} WHERE id IN ({})"
_MARK_MISSING = text(_MARK.format("now()", _SEEN_SPEECHES.format("NULL")))
_MARK_FOUND = text(_MARK.format("NULL", _SEEN_SPEECHES.format("NOT NULL")))

type KeyByNumber = Mapping[int, str]
"""Keys of recordings, by the number of the speech."""


class RecordingsUnavailable(Unavailable):
    code = "recordings_missing"


class RecordingMonitor:
    """Each check covers the recordings of the newest speeches, and the next part of all others."""

    def __init__(self, database: Database, storage: Storage) -> None:
        self._database, self._storage = database, storage
        self._last_number = 0
        self._missing: KeyByNumber = {}

    async def ping(self) -> None:
        if self._missing:
            raise RecordingsUnavailable(f"Missing from the storage: {', '.join(self._missing.values())}.")

    @property
    def loop(self) -> Loop:
        return Loop(
            name="recording_check",
            work=self.check,
            interval_seconds=INTERVAL_SECONDS,
            max_retry_seconds=INTERVAL_SECONDS,
            required=False,
        )

    async def check(self) -> None:
        """Check the newest, the next and the missing recordings. Raises Unavailable."""
        limit = OTHERS_PER_CHECK if len(self._missing) < MAX_TRACKED_MISSING else 0
        async with self._database.transaction() as session:
            others = await list_keys_after(session, self._last_number, limit=limit)
            newest = await list_newest_keys(session, limit=NEWEST_PER_CHECK)
            missing = await list_missing_keys(session, limit=MAX_TRACKED_MISSING)
        keys = others | newest | missing
        existing = await self._list_existing(keys)
        self._last_number = max(others, default=self._last_number) if len(others) == limit else 0
        self._missing = {number: key for number, key in keys.items() if number not in existing}
        async with self._database.transaction() as session:
            await record_missing(session, self._missing)
            await record_found(session, {number: keys[number] for number in existing})
        MISSING.set(len(self._missing))
        if self._missing:
            log.warning("recordings_missing", keys=list(self._missing.values())[:MAX_LOGGED_KEYS])

    async def _list_existing(self, keys: KeyByNumber) -> set[int]:
        slots = asyncio.Semaphore(CONCURRENCY)

        async def exists(key: str) -> bool:
            async with slots:
                return await self._storage.has_object(key)

        existence = await asyncio.gather(*map(exists, keys.values()))
        return {number for number, is_stored in zip(keys, existence, strict=True) if is_stored}


async def list_newest_keys(session: AsyncSession, *, limit: int) -> dict[int, str]:
    return await _list_keys(session, select(Speech).order_by(Speech.id.desc()).limit(limit))


async def list_keys_after(session: AsyncSession, number: int, *, limit: int) -> dict[int, str]:
    after = select(Speech).where(Speech.number > number).order_by(Speech.number).limit(limit)
    return await _list_keys(session, after)


async def list_missing_keys(session: AsyncSession, *, limit: int) -> dict[int, str]:
    """Return the recordings that a check in any process has found missing."""
    missing = select(Speech).where(Speech.audio_missing_since.is_not(None)).order_by(Speech.id).limit(limit)
    return await _list_keys(session, missing)


async def record_missing(session: AsyncSession, keys: KeyByNumber) -> None:
    if keys:
        await session.execute(_MARK_MISSING, {"numbers": list(keys), "keys": list(keys.values())})


async def record_found(session: AsyncSession, keys: KeyByNumber) -> None:
    if keys:
        await session.execute(_MARK_FOUND, {"numbers": list(keys), "keys": list(keys.values())})


async def _list_keys(session: AsyncSession, speeches: Select[Speech]) -> dict[int, str]:
    rows = await session.execute(speeches.with_only_columns(Speech.number, Speech.audio_key))
    return {number: key for number, key in rows}
