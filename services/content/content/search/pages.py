from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from shared.http.pagination import MAX_OFFSET, PageQuery
from sqlalchemy import ColumnElement

from content.types import Sort


@dataclass(frozen=True, kw_only=True)
class PageRequest:
    """Which speeches to find, and which page of them. A cursor is accepted only with its own `scope`."""

    query: PageQuery
    scope: str
    conditions: Sequence[ColumnElement[bool]]
    filters_by_tag: bool
    search: str | None
    sort: Sort = "newest"


class SpeechIdPage(NamedTuple):
    """The ids of one page. `total` is a lower bound unless it is exact.

    Only pages with fewer than `max_offset` speeches before them have a number.
    """

    ids: list[UUID]
    page: int
    total: int
    total_is_exact: bool
    next_cursor: str | None
    max_offset: int = MAX_OFFSET
