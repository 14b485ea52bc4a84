"""The log of changed speeches, by which every process keeps its catalogue in step with the database.

Each transaction that changes speeches writes their numbers into the log. Neither ids nor times are in the
order of commits, so what is new is told by snapshots: a row whose transaction was not visible in the snapshot
of the last reading. The log says only which speeches changed; what they are now is read from the tables, so
that reading a change twice does no harm.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import TextClause, insert, text
from sqlalchemy.ext.asyncio import AsyncSession

from content.catalogue.index import Facet
from content.models import CatalogueChange

KEPT = timedelta(minutes=10)
"""A change stays in the log for at least so long."""
MISSED = timedelta(minutes=5)
"""Whoever has not read for so long cannot go on; it is well under KEPT."""

_NOW = text("SELECT pg_current_snapshot(), clock_timestamp()")
_SINCE = text("""
    SELECT pg_current_snapshot(), clock_timestamp(), (
        SELECT array_agg(DISTINCT number)
        FROM catalogue_changes, unnest(numbers) AS number
        WHERE transaction >= pg_snapshot_xmin(CAST(:seen AS pg_snapshot))
          AND NOT pg_visible_in_snapshot(transaction, CAST(:seen AS pg_snapshot))
    )
""")
_FORGET = text("""
    DELETE FROM catalogue_changes WHERE transaction < pg_snapshot_xmin(CAST(:seen AS pg_snapshot))
""")

_FACETS = """
    WITH asked AS (SELECT id, number, level, type FROM speeches WHERE {condition})
    SELECT 'level', level, array_agg(number) FROM asked GROUP BY level
    UNION ALL SELECT 'type', type, array_agg(number) FROM asked GROUP BY type
    UNION ALL SELECT 'tag', CAST(tag_id AS text), array_agg(number)
    FROM asked JOIN speech_tags ON speech_id = asked.id GROUP BY tag_id
"""
_FACETS_BETWEEN = text(_FACETS.format(condition="number BETWEEN :first AND :last"))
_FACETS_OF = text(_FACETS.format(condition="number = ANY(:numbers)"))

type Snapshot = tuple[int, int, tuple[int, ...]]
"""The oldest transaction that ran, the first that had not begun, and those in between that ran."""
type Facets = dict[Facet, list[int]]


@dataclass(frozen=True)
class Position:
    """How far the log was read: up to a snapshot, and when that was by the clock of the database."""

    snapshot: Snapshot
    at: datetime

    def is_continuous_with(self, later: "Position") -> bool:
        """Whether the log holds everything in between.

        It does not after too long a pause, and after transactions began to count from lower again: then the
        database was restored from a backup.
        """
        return later.at - self.at < MISSED and self.snapshot[0] <= later.snapshot[0]


async def record_change(session: AsyncSession, numbers: Collection[int]) -> None:
    """Log that speeches are created, changed or deleted by this transaction."""
    await session.execute(insert(CatalogueChange).values(numbers=sorted(numbers)))


async def position(session: AsyncSession) -> Position:
    """The end of the log."""
    return Position(*(await session.execute(_NOW)).one())


async def list_changes_since(session: AsyncSession, seen: Position) -> tuple[Position, list[int]]:
    """The numbers of the speeches that have changed, and the position to go on from."""
    snapshot, at, numbers = (await session.execute(_SINCE, {"seen": seen.snapshot})).one()
    return Position(snapshot, at), numbers or []


async def forget(session: AsyncSession, *, before: Position) -> None:
    """Remove what everyone has read who stood at this position or has passed it."""
    await session.execute(_FORGET, {"seen": before.snapshot})


async def get_highest_number(session: AsyncSession) -> int:
    """The highest number of a speech; 0 without any."""
    return (await session.scalar(text("SELECT coalesce(max(number), 0) FROM speeches"))) or 0


async def load_facets_between(session: AsyncSession, first: int, last: int) -> Facets:
    """The facets of the speeches with these numbers, both ends included."""
    return await _facets(session, _FACETS_BETWEEN, {"first": first, "last": last})


async def load_facets(session: AsyncSession, numbers: Collection[int]) -> Facets:
    """The facets of the speeches with these numbers; those that are gone have none."""
    return await _facets(session, _FACETS_OF, {"numbers": list(numbers)})


async def _facets(session: AsyncSession, statement: TextClause, asked: dict[str, object]) -> Facets:
    rows = await session.execute(statement, asked)
    return {(kind, value): numbers for kind, value, numbers in rows}
