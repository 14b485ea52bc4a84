"""Keeps the catalogue of this process loaded and up to date; every replica does so for itself."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import batched

import structlog
from shared.data.db import Database
from shared.errors import Unavailable
from sqlalchemy.ext.asyncio import AsyncSession

from content.catalogue import changelog as changes
from content.catalogue.changelog import Position
from content.catalogue.index import Catalogue

log = structlog.get_logger(__name__)

REFRESH_INTERVAL_SECONDS = 0.4
MAX_AGE_SECONDS = 10.0
CHUNK = 20_000


class CatalogueUnavailable(Unavailable):
    """The catalogue was not read yet: the process has only started, or the database is away since then."""

    code = "catalogue_unavailable"


@dataclass
class _LoadedCatalogue:
    """A catalogue, how far it has followed the log, and from where on others may still need the log."""

    catalogue: Catalogue
    read: Position
    needed_from: Position


class CatalogueRefresher:
    """The catalogue of this process. It is there once it could be read."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._followed: _LoadedCatalogue | None = None
        self._followed_at = float("-inf")

    def current(self) -> Catalogue:
        """The catalogue, at most half a second old while the database answers. Raises CatalogueNotLoaded."""
        if self._followed is None:
            raise CatalogueUnavailable(
                "The catalogue is still being read; try again in a moment.", retry_after=1
            )
        return self._followed.catalogue

    async def ping(self) -> None:
        """Raise CatalogueNotLoaded unless the catalogue is there and followed."""
        self.current()
        if time.monotonic() - self._followed_at > MAX_AGE_SECONDS:
            raise CatalogueUnavailable("The catalogue is out of date.")

    @asynccontextmanager
    async def followed(self) -> AsyncIterator[None]:
        """Load the catalogue and follow its changes while the block runs; the database may come and go."""
        stopping = asyncio.Event()
        following = asyncio.create_task(self._run(until=stopping))
        yield
        # It is let finish: to cancel a query would cost the connection.
        stopping.set()
        await following

    async def _run(self, *, until: asyncio.Event) -> None:
        while not until.is_set():
            try:
                await self.follow()
            except Unavailable as error:
                log.warning("catalogue_waits", reason=error.detail)
            except Exception:
                # Whatever it is, what was loaded stays usable, and only trying again can bring it up to date.
                log.exception("catalogue_not_followed")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(until.wait(), REFRESH_INTERVAL_SECONDS)

    async def follow(self) -> None:
        """Take in what has changed since the last time; everything, if that cannot be told."""
        async with self._database.transaction() as session:
            followed = self._followed
            if followed is None or not await _catch_up(session, followed):
                followed = await _load(session)
            await _forget(session, followed)
        self._followed, self._followed_at = followed, time.monotonic()


async def _load(session: AsyncSession) -> _LoadedCatalogue:
    """Read all speeches, in chunks; what changes meanwhile is in the log after the position."""
    started = time.monotonic()
    position = await changes.position(session)
    catalogue = Catalogue()
    highest = await changes.get_highest_number(session)
    for first in range(1, highest + 1, CHUNK):
        catalogue.add(await changes.load_facets_between(session, first, first + CHUNK - 1))
    followed = _LoadedCatalogue(catalogue, read=position, needed_from=position)
    await _catch_up(session, followed)
    log.info("catalogue_loaded", highest=highest, seconds=round(time.monotonic() - started, 2))
    return followed


async def _catch_up(session: AsyncSession, followed: _LoadedCatalogue) -> bool:
    """Take in what the log holds; False when something may be missing from it."""
    position, numbers = await changes.list_changes_since(session, followed.read)
    if not followed.read.is_continuous_with(position):
        log.warning("catalogue_lost_track")
        return False
    for chunk in batched(numbers, CHUNK):
        followed.catalogue.replace(chunk, await changes.load_facets(session, chunk))
    followed.read = position
    return True


async def _forget(session: AsyncSession, followed: _LoadedCatalogue) -> None:
    """Shorten the log, now and then, by what all processes have read long ago."""
    if followed.read.at - followed.needed_from.at > changes.KEPT:
        await changes.forget(session, before=followed.needed_from)
        followed.needed_from = followed.read
