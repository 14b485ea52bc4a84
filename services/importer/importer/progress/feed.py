import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Protocol
from uuid import UUID

from shared.background import Loop

POLL_SECONDS = 0.5


class Versioned(Protocol):
    @property
    def id(self) -> UUID: ...
    @property
    def version(self) -> int: ...


type Fetch[Item: Versioned] = Callable[[Sequence[UUID]], Awaitable[Sequence[Item]]]


class Watch[Item: Versioned]:
    """The latest state of one import, shared by all its watchers."""

    def __init__(self, latest: Item) -> None:
        self.latest, self.watchers = latest, 0
        self._changed = asyncio.Event()

    def update(self, item: Item) -> None:
        if item.version > self.latest.version:
            self.latest = item
            self._changed.set()
            self._changed = asyncio.Event()

    async def wait_for_change(self, *, after: int, seconds: float) -> Item | None:
        """Return the newest version if it is later than `after`, or None after the timeout."""
        if self.latest.version <= after:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), seconds)
        return self.latest if self.latest.version > after else None


class ProgressFeed[Item: Versioned]:
    """Reads all watched imports with one query, twice a second, and only while any is watched."""

    def __init__(self, fetch: Fetch[Item]) -> None:
        self._fetch = fetch
        self._watches: dict[UUID, Watch[Item]] = {}
        self.loop = Loop(
            name="import_progress", work=self.refresh, interval_seconds=POLL_SECONDS, required=False
        )

    @contextmanager
    def watch(self, item: Item) -> Iterator[Watch[Item]]:
        """Follow an import while the block runs, from `item` on."""
        watch = self._watches.setdefault(item.id, Watch(item))
        watch.update(item)
        watch.watchers += 1
        try:
            yield watch
        finally:
            watch.watchers -= 1
            if not watch.watchers:
                del self._watches[item.id]

    async def refresh(self) -> None:
        if not self._watches:
            return
        for item in await self._fetch(list(self._watches)):
            if watch := self._watches.get(item.id):
                watch.update(item)
