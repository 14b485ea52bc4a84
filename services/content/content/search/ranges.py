"""Ranges of ids that exclude the rows of running imports.

These rows are not committed, but a scan still checks each one: with 100,000 of them, the newest page takes
18 ms instead of 0.1 ms.
"""

from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from content.models import RunningImport, Speech


class CommittedRange(NamedTuple):
    """The ids between two imports. Both ends are exclusive; None means open."""

    after: UUID | None = None
    before: UUID | None = None

    @property
    def conditions(self) -> list[ColumnElement[bool]]:
        above = [] if self.after is None else [Speech.id > self.after]
        return above if self.before is None else [*above, Speech.id < self.before]


async def find_committed_ranges(session: AsyncSession) -> list[CommittedRange]:
    """Return the ranges that lists read, newest first."""
    running = await session.execute(select(RunningImport.first_id, RunningImport.last_id))
    return split_ids((first, last) for first, last in running)


def split_ids(running: Iterable[tuple[UUID, UUID]]) -> list[CommittedRange]:
    ranges, before = list[CommittedRange](), None
    for first, last in sorted(running, reverse=True):
        ranges.append(CommittedRange(after=last, before=before))
        before = first
    return [*ranges, CommittedRange(before=before)]


async def read_newest(
    session: AsyncSession, parts: Iterable[Select[UUID]], *, limit: int, offset: int = 0
) -> list[UUID]:
    """Read the newest ids from the selections, one per range. `offset` applies to the first one."""
    ids = list[UUID]()
    for part in parts:
        newest = part.order_by(Speech.id.desc()).offset(offset).limit(limit - len(ids))
        ids += await session.scalars(newest)
        if len(ids) == limit:
            break
        offset = 0
    return ids
