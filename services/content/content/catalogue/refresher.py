"""Keeps the catalogue of one process loaded and up to date."""

import time
from dataclasses import dataclass
from itertools import batched

import structlog
from shared.background import Loop
from shared.data.db import Database
from sqlalchemy.ext.asyncio import AsyncSession

from content.catalogue import changelog
from content.catalogue.changelog import Position
from content.catalogue.index import Catalogue
from content.errors import CatalogueUnavailable

log = structlog.get_logger(__name__)

INTERVAL_SECONDS = 0.4
MAX_RETRY_SECONDS = 0.5
MAX_AGE_SECONDS = 10.0
CHUNK_SIZE = 20_000


@dataclass
class _State:
    catalogue: Catalogue
    read: Position
    # Other readers may have read no further, so the log is kept from here on.
    needed_from: Position


class CatalogueRefresher:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._state: _State | None = None
        self._refreshed_at = float("-inf")

    def get_catalogue(self) -> Catalogue:
        """Return the catalogue, or raise CatalogueUnavailable before the first load."""
        if self._state is None:
            raise CatalogueUnavailable("The catalogue is loading. Try again in a moment.", retry_after=1)
        return self._state.catalogue

    async def ping(self) -> None:
        """Raise CatalogueUnavailable unless the catalogue is loaded and up to date."""
        self.get_catalogue()
        if time.monotonic() - self._refreshed_at > MAX_AGE_SECONDS:
            raise CatalogueUnavailable("The catalogue is out of date.")

    @property
    def loop(self) -> Loop:
        # A catalogue that is not loaded answers no draw, so a retry never waits long.
        return Loop(
            name="catalogue_refresh",
            work=self.refresh,
            interval_seconds=INTERVAL_SECONDS,
            max_retry_seconds=MAX_RETRY_SECONDS,
        )

    async def refresh(self) -> None:
        """Apply the changes since the last refresh. Reload everything if the log has a gap."""
        async with self._database.transaction() as session:
            state = self._state
            if state is None or not await _apply_changes(session, state):
                state = await _load(session)
            await _purge_log(session, state)
        self._state, self._refreshed_at = state, time.monotonic()


async def _load(session: AsyncSession) -> _State:
    started = time.monotonic()
    position = await changelog.get_position(session)
    catalogue = Catalogue()
    highest = await changelog.get_highest_number(session)
    for first in range(1, highest + 1, CHUNK_SIZE):
        catalogue.add(await changelog.list_facets_between(session, first, first + CHUNK_SIZE - 1))
    state = _State(catalogue, read=position, needed_from=position)
    await _apply_changes(session, state)
    log.info("catalogue_loaded", highest=highest, seconds=round(time.monotonic() - started, 2))
    return state


async def _apply_changes(session: AsyncSession, state: _State) -> bool:
    """Apply what the log holds. Return False if it may have a gap."""
    position, numbers = await changelog.list_changes(session, state.read)
    if not state.read.is_continuous_with(position):
        log.warning("catalogue_reload_required")
        return False
    for chunk in batched(numbers, CHUNK_SIZE):
        state.catalogue.replace(chunk, await changelog.list_facets(session, chunk))
    state.read = position
    return True


async def _purge_log(session: AsyncSession, state: _State) -> None:
    if state.read.at - state.needed_from.at > changelog.RETENTION:
        await changelog.purge_changes(session, before=state.needed_from)
        state.needed_from = state.read
