"""Takes a snapshot of all databases, with no messages in transit, and of its objects."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from deploy.backup.errors import BackupFailed
from deploy.backup.objects import Mirror
from deploy.backup.postgres import Database
from deploy.backup.queues import describe, list_dead_letters, list_waiting
from deploy.backup.system import System

MAX_PAUSE_SECONDS = 20.0
"""The maximum time that relays pause. Then they resume until the next attempt."""
MIN_PAUSE_INTERVAL_SECONDS = 5.0
POLL_SECONDS = 0.1
MAX_SNAPSHOTS = 3

type Report = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Options:
    """A backup's timeout, and the queues it ignores."""

    wait_seconds: float = 300.0
    ignored_queues: frozenset[str] = frozenset()


DEFAULTS = Options()


@dataclass(kw_only=True)
class Snapshot:
    """The contents of a snapshot, and the objects and messages that are missing from it."""

    taken_at: datetime
    dead_letters: dict[str, int]
    waiting: dict[str, int]
    keys: set[str] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)


async def take_consistent_snapshot(
    system: System, databases: Sequence[Database], mirror: Mirror, report: Report, options: Options
) -> Snapshot:
    """Take a snapshot, and copy all objects that its rows refer to.

    The bucket is listed before and after the snapshot. Objects in both lists, and those that rows refer to,
    are kept. If an object was created and deleted in between, no copy has it: the snapshot is retaken.
    """
    absent: set[str] = set()
    for _ in range(MAX_SNAPSHOTS):
        before = await asyncio.to_thread(mirror.update)
        report(f"{len(before)} objects, {len(mirror.copied)} of them copied")
        snapshot = await _take_snapshot(system, databases, report, options)
        references = set[str]().union(*[await database.list_references() for database in databases])
        missing = await asyncio.to_thread(mirror.add, references)
        # An object that is missing for two snapshots in a row was missing before.
        if missing <= absent:
            after = await asyncio.to_thread(mirror.list_present)
            snapshot.keys, snapshot.missing = (before & after) | (references - missing), missing
            return snapshot
        absent = missing
        for database in databases:
            await database.drop_snapshot()
    raise BackupFailed("Objects are deleted faster than they are copied. Nothing was kept: try again later.")


async def _take_snapshot(
    system: System, databases: Sequence[Database], report: Report, options: Options
) -> Snapshot:
    """Take snapshots of all databases without messages in transit between them."""
    deadline = time.monotonic() + options.wait_seconds
    while True:
        started = time.monotonic()
        snapshot, waiting = await _try_snapshot(system, databases, options)
        if snapshot is not None:
            report(f"the snapshot is taken; events waited for {time.monotonic() - started:.1f} s")
            return snapshot
        if time.monotonic() > deadline:
            raise BackupFailed(
                f"Workers have not finished these messages within {options.wait_seconds:.0f} s: "
                f"{describe(waiting)}. Nothing was kept: see whether the workers are ready, and try again."
            )
        report(f"waiting for {describe(waiting)}")
        await asyncio.sleep(MIN_PAUSE_INTERVAL_SECONDS)


async def _try_snapshot(
    system: System, databases: Sequence[Database], options: Options
) -> tuple[Snapshot | None, dict[str, int]]:
    async with _pause_relays(databases):
        counts = await _wait_until_empty(system, options)
        waiting = list_waiting(counts)
        if waiting.keys() - options.ignored_queues:
            return None, waiting
        # A client may send the id of one service's row to another service. The service that learners meet
        # last comes first, so that the later snapshot has the row to which the earlier one refers.
        for database in reversed(databases):
            await database.take_snapshot()
    dead_letters = list_dead_letters(counts)
    return Snapshot(taken_at=datetime.now(UTC), dead_letters=dead_letters, waiting=waiting), {}


@asynccontextmanager
async def _pause_relays(databases: Sequence[Database]) -> AsyncIterator[None]:
    """Pause publishing during the block. Requests continue, and their events wait."""
    async with AsyncExitStack() as stack:
        for database in databases:
            stack.push_async_callback(database.resume_relays)
            await database.pause_relays()
        yield


async def _wait_until_empty(system: System, options: Options) -> dict[str, int]:
    """Wait, up to a limit, until the consumers have processed all messages. Returns all counts."""
    if system.queues is None:
        return {}
    started = time.monotonic()
    # Earlier counts may be from before the pause.
    certain_at = started + system.queues.settle_seconds
    ends_at = certain_at + min(MAX_PAUSE_SECONDS, options.wait_seconds)
    while True:
        asked_at = time.monotonic()
        counts = await asyncio.to_thread(system.queues.count)
        is_drained = not list_waiting(counts).keys() - options.ignored_queues
        if (is_drained and asked_at >= certain_at) or asked_at > ends_at:
            return counts
        await asyncio.sleep(POLL_SECONDS)
