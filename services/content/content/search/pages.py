"""A request for one page of speeches, and the page."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from shared.errors import invalid
from sqlalchemy import ColumnElement


@dataclass(frozen=True, kw_only=True)
class PageRequest:
    """Which speeches to find, and which page of them. A cursor is accepted only with its own `scope`."""

    conditions: Sequence[ColumnElement[bool]]
    filters_by_tag: bool
    search: str | None
    scope: str
    page: int
    limit: int
    cursor: str | None

    def offset(self, max_offset: int) -> int:
        """Return the number of speeches before the page. Raises Invalid beyond `max_offset`."""
        offset = (self.page - 1) * self.limit
        if offset >= max_offset:
            last = -(-max_offset // self.limit)
            raise invalid("#/query/page", f"must be at most {last}; follow next_cursor to go further")
        return offset


class SpeechIdPage(NamedTuple):
    """The ids of one page. `total` is a lower bound unless it is exact."""

    ids: list[UUID]
    page: int
    total: int
    total_is_exact: bool
    next_cursor: str | None
