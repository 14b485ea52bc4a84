"""Keeps the catalogue of one process loaded and up to date."""

import asyncio
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import batched

import structlog
from shared.background import Loop
from shared.data.db import Database
from sqlalchemy.ext.asyncio import AsyncSession

from content.catalogue import changelog
from content.catalogue.changelog import Change, Position
from content.catalogue.index import Catalogue
from content.errors import CatalogueUnavailable

log = structlog.get_logger(__name__)

INTERVAL_SECONDS = 0.4
MAX_RETRY_SECONDS = 0.5
MAX_AGE_SECONDS = 10.0
LOAD_CHUNK_SIZE = 5_000
CHUNK_SIZE = 1_000
"""Speeches read and indexed at a time. Indexing them blocks draws for a millisecond or two."""
MAX_CHUNKS_PER_PASS = 50
"""An import changes up to a million speeches. Each pass reads new changes first, then continues with it."""


@dataclass
class _State:
    catalogue: Catalogue
    read: Position
    # Other processes may not have read beyond this position, so later entries are kept.
    needed_from: Position
    # Changes found up to `read` that are not indexed yet.
    pending: deque[list[Change]] = field(default_factory=deque)


class CatalogueRefresher:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._state: _State | None = None
        self._refreshed_at = float("-inf")
        # Two refreshes at a time would apply the same changes.
        self._refreshing = asyncio.Lock()

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
        # Draws fail until the catalogue is loaded, so retries never wait long.
        return Loop(
            name="catalogue_refresh",
            work=self.refresh,
            interval_seconds=INTERVAL_SECONDS,
            max_retry_seconds=MAX_RETRY_SECONDS,
        )

    async def refresh(self) -> bool:
        """Apply the changes since the last refresh, or reload everything if the log has a gap. Returns True
        if more changes are waiting.
        """
        async with self._refreshing, self._database.transaction() as session:
            state = self._state
            if state is None or not await _find_changes(session, state):
                state = await _load(session)
            await _apply_changes(session, state)
            await _purge_log(session, state)
        self._state, self._refreshed_at = state, time.monotonic()
        return bool(state.pending)


async def _load(session: AsyncSession) -> _State:
    started = time.monotonic()
    position = await changelog.get_position(session)
    catalogue = Catalogue()
    highest = await changelog.get_highest_number(session)
    for first in range(1, highest + 1, LOAD_CHUNK_SIZE):
        catalogue.add(await changelog.list_facets_between(session, first, first + LOAD_CHUNK_SIZE - 1))
    state = _State(catalogue, read=position, needed_from=position)
    await _find_changes(session, state)
    log.info("catalogue_loaded", highest=highest, seconds=round(time.monotonic() - started, 2))
    return state


async def _find_changes(session: AsyncSession, state: _State) -> bool:
    """Add the log's entries to the pending changes. Return False if it may have a gap."""
    position, changes = await changelog.list_changes(session, state.read)
    if not state.read.is_continuous_with(position):
        log.warning("catalogue_reload_required")
        return False
    # New changes come before an import that is not fully indexed, so that editors see them soon.
    state.pending.extendleft(_group_changes(changes))
    state.read = position
    return True


def _group_changes(changes: Iterable[Change]) -> Iterator[list[Change]]:
    """Divide changes into groups of at most CHUNK_SIZE speeches, unless a single change has more."""
    group, size = list[Change](), 0
    for change in changes:
        if group and size + change.size > CHUNK_SIZE:
            yield group
            group, size = [], 0
        group.append(change)
        size += change.size
    if group:
        yield group


async def _apply_changes(session: AsyncSession, state: _State) -> None:
    for _ in range(min(len(state.pending), MAX_CHUNKS_PER_PASS)):
        numbers = await changelog.list_numbers(session, state.pending[0])
        for chunk in batched(numbers, CHUNK_SIZE):
            state.catalogue.replace(chunk, await changelog.list_facets(session, chunk))
        # Removed last, so that the next pass applies the group again after a failure.
        state.pending.popleft()


async def _purge_log(session: AsyncSession, state: _State) -> None:
    if state.read.at - state.needed_from.at > changelog.RETENTION:
        await changelog.purge_changes(session, before=state.needed_from)
        state.needed_from = state.read
