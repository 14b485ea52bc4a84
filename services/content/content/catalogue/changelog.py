"""The changelog of speeches, from which every process updates its catalogue.

Each transaction that changes speeches logs their numbers. Ids and times do not follow the order of commits,
so readers compare snapshots: a row is new if its transaction was not visible in the snapshot of their last
read. The log says only which speeches changed; their facets come from the tables. Reading a change twice is
harmless.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import TextClause, insert, text
from sqlalchemy.ext.asyncio import AsyncSession

from content.catalogue.index import Facet
from content.models import CatalogueChange

RETENTION = timedelta(minutes=10)
"""The log keeps every change for at least this long."""
MAX_READER_LAG = timedelta(minutes=5)
"""A reader that lags behind by more reloads the whole catalogue. Must stay well below RETENTION."""

_NOW = text("SELECT pg_current_snapshot(), clock_timestamp()")
_CHANGES = text("""
    SELECT pg_current_snapshot(), clock_timestamp(), array_agg(id), array_agg(cardinality(numbers))
    FROM catalogue_changes
    WHERE transaction >= pg_snapshot_xmin(CAST(:seen AS pg_snapshot))
      AND NOT pg_visible_in_snapshot(transaction, CAST(:seen AS pg_snapshot))
""")
_NUMBERS = text("""
    SELECT array_agg(DISTINCT number) FROM catalogue_changes, unnest(numbers) AS number WHERE id = ANY(:ids)
""")
_PURGE = text("""
    DELETE FROM catalogue_changes WHERE transaction < pg_snapshot_xmin(CAST(:seen AS pg_snapshot))
""")

_FACETS = """
    WITH active AS (SELECT id, number, level, type FROM speeches WHERE archived_at IS NULL AND {condition})
    SELECT 'level', level, array_agg(number) FROM active GROUP BY level
    UNION ALL SELECT 'type', type, array_agg(number) FROM active GROUP BY type
    UNION ALL SELECT 'tag', CAST(tag_id AS text), array_agg(number)
    FROM active JOIN speech_tags ON speech_id = active.id GROUP BY tag_id
"""
_FACETS_BETWEEN = text(_FACETS.format(condition="number BETWEEN :first AND :last"))
_FACETS_OF = text(_FACETS.format(condition="number = ANY(:numbers)"))

type Snapshot = tuple[int, int, tuple[int, ...]]
"""The oldest running transaction id, the first unassigned one, and the running ones in between."""
type Facets = dict[Facet, list[int]]


@dataclass(frozen=True)
class Position:
    """A reader's position: the snapshot, and its time by the database's clock."""

    snapshot: Snapshot
    at: datetime

    def is_continuous_with(self, later: "Position") -> bool:
        """Return whether the log holds every change in between."""
        # Decreasing transaction ids mean that the database was restored from a backup.
        return later.at - self.at < MAX_READER_LAG and self.snapshot[0] <= later.snapshot[0]


class Change(NamedTuple):
    """A log entry. `size` is the number of speeches it names, some of which may since have been deleted."""

    id: int
    size: int


async def record_change(session: AsyncSession, numbers: Collection[int]) -> None:
    """Log that the caller's transaction creates, changes or deletes these speeches."""
    await session.execute(insert(CatalogueChange).values(numbers=sorted(numbers)))


async def get_position(session: AsyncSession) -> Position:
    return Position(*(await session.execute(_NOW)).one())


async def list_changes(session: AsyncSession, since: Position) -> tuple[Position, list[Change]]:
    """Return the new position, and the entries of the log since the old one."""
    snapshot, read_at, ids, sizes = (await session.execute(_CHANGES, {"seen": since.snapshot})).one()
    return Position(snapshot, read_at), list(map(Change, ids or [], sizes or []))


async def list_numbers(session: AsyncSession, changes: Collection[Change]) -> list[int]:
    """Return the numbers of the speeches that these entries of the log name."""
    numbers: list[int] | None = await session.scalar(_NUMBERS, {"ids": [change.id for change in changes]})
    return numbers or []


async def purge_changes(session: AsyncSession, *, before: Position) -> None:
    await session.execute(_PURGE, {"seen": before.snapshot})


async def get_highest_number(session: AsyncSession) -> int:
    return (await session.scalar(text("SELECT coalesce(max(number), 0) FROM speeches"))) or 0


async def list_facets_between(session: AsyncSession, first: int, last: int) -> Facets:
    """Return the facets of the speeches with these numbers, including both ends. Archived ones have none."""
    return await _list_facets(session, _FACETS_BETWEEN, {"first": first, "last": last})


async def list_facets(session: AsyncSession, numbers: Collection[int]) -> Facets:
    """Return the facets of the speeches with these numbers. Deleted and archived ones have none."""
    return await _list_facets(session, _FACETS_OF, {"numbers": list(numbers)})


async def _list_facets(session: AsyncSession, statement: TextClause, values: dict[str, object]) -> Facets:
    rows = await session.execute(statement, values)
    return {(kind, value): numbers for kind, value, numbers in rows}
