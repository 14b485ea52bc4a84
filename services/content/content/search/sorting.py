"""Sort orders other than by time, each backed by an index. The orders by plays exclude speeches that were
never played, which may be nearly the whole catalogue.
"""

import struct
from collections.abc import Callable
from typing import Any, Literal, NamedTuple
from uuid import UUID

from shared.errors import field_error
from shared.http.pagination import MAX_CURSOR_PAGE, MAX_OFFSET, decode_cursor, encode_cursor
from sqlalchemy import ColumnElement, Double, Select, Text, func, literal_column, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from content.models import CORRECT_RATE_KEY, TEXT_KEY, Speech, SpeechStatistics
from content.search.pages import PageRequest, SpeechIdPage

MAX_COUNTED = MAX_OFFSET
MAX_SORTED_OFFSET = 2_000
"""A page also reads rows that it skips or that the filters exclude: at most five for each speech counted."""
MAX_KEY_BYTES = 192
"""The 48 characters of TEXT_KEY in UTF-8."""

SortedBy = Literal["text", "-text", "most_played", "least_played", "hardest", "easiest"]


class Order(NamedTuple):
    """Speeches sorted by `key` and `id`, both in the same direction, so that one index provides the order."""

    key: ColumnElement[Any]
    id: ColumnElement[UUID]
    layout: struct.Struct
    is_by_plays: bool = True
    is_descending: bool = False
    to_packed: Callable[[Any], Any] = lambda value: value
    from_packed: Callable[[Any], Any] = lambda value: value

    def select_sort_keys(self, request: PageRequest, *, fetch_first: bool) -> Select[UUID, Any]:
        """Select ids and keys. `fetch_first` makes the planner fetch few matches before it sorts them."""
        speeches = select(self.id.label("id"), self.key.label("key")).where(*request.conditions)
        if self.is_by_plays:
            speeches = speeches.join_from(SpeechStatistics, Speech, Speech.id == SpeechStatistics.speech_id)
        if not fetch_first:
            return speeches
        matching = speeches.cte("found").prefix_with("MATERIALIZED")
        return select(matching.c.id, matching.c.key)

    def sort(self, sort_keys: Select[UUID, Any], *, after: "SortPosition | None") -> Select[UUID, Any]:
        key, speech_id = sort_keys.selected_columns.key, sort_keys.selected_columns.id
        if after is not None:
            position, last = tuple_(key, speech_id), tuple_(after.key, after.id)
            sort_keys = sort_keys.where(position < last if self.is_descending else position > last)
        columns = (key, speech_id)
        return sort_keys.order_by(*(column.desc() if self.is_descending else column for column in columns))


class SortPosition(NamedTuple):
    """The position after a page: its last speech, and the count from the first page."""

    page: int
    total: int
    exact: bool
    id: UUID
    key: Any


def _unpack_text(packed: bytes) -> str:
    text = packed.rstrip(b"\0").decode()
    if "\0" in text:
        raise ValueError("no text has NUL")
    return text


_POSITION = ">II?16s"
_TEXT = Order(
    literal_column(TEXT_KEY, Text),
    Speech.__table__.c.id,
    struct.Struct(f"{_POSITION}{MAX_KEY_BYTES}s"),
    is_by_plays=False,
    to_packed=str.encode,
    from_packed=_unpack_text,
)
_PLAYED = SpeechStatistics.__table__.c
_PLAYS = Order(_PLAYED.plays, _PLAYED.speech_id, struct.Struct(f"{_POSITION}q"))
_CORRECT_RATE = Order(
    literal_column(CORRECT_RATE_KEY, Double), _PLAYED.speech_id, struct.Struct(f"{_POSITION}d")
)
ORDERS: dict[SortedBy, Order] = {
    "text": _TEXT,
    "-text": _TEXT._replace(is_descending=True),
    "most_played": _PLAYS._replace(is_descending=True),
    "least_played": _PLAYS,
    "hardest": _CORRECT_RATE,
    "easiest": _CORRECT_RATE._replace(is_descending=True),
}


async def list_sorted(session: AsyncSession, request: PageRequest, sort: SortedBy) -> SpeechIdPage:
    """List the ids of one page. Raises Invalid for an unknown page or cursor, and together with a search."""
    if request.search is not None:
        raise field_error("#/query/sort", "must be newest with a search, which lists the best match first")
    query, order = request.query, ORDERS[sort]
    if query.cursor is not None:
        last = _decode(order, query.cursor, request.scope)
        page, total, exact, offset = last.page, last.total, last.exact, 0
    else:
        last, page, offset = None, query.page, query.get_offset(MAX_SORTED_OFFSET)
        counted = await _count(session, order.select_sort_keys(request, fetch_first=False))
        total, exact = min(counted, MAX_COUNTED), counted <= MAX_COUNTED
        if not total:
            # Reading the page would compare the filters with the same speeches again.
            return SpeechIdPage([], page, total, exact, None, MAX_SORTED_OFFSET)
    sort_keys = order.sort(order.select_sort_keys(request, fetch_first=exact), after=last)
    rows = (await session.execute(sort_keys.offset(offset).limit(query.limit + 1))).all()
    next_cursor = None
    if len(rows) > query.limit:
        speech_id, key = rows[query.limit - 1]
        next_cursor = _encode(order, SortPosition(page + 1, total, exact, speech_id, key), request.scope)
    ids = [row[0] for row in rows[: query.limit]]
    return SpeechIdPage(ids, page, total, exact, next_cursor, MAX_SORTED_OFFSET)


async def _count(session: AsyncSession, sort_keys: Select[UUID, Any]) -> int:
    counted = sort_keys.with_only_columns(Speech.id).limit(MAX_COUNTED + 1).subquery()
    return (await session.scalars(select(func.count()).select_from(counted))).one()


def _encode(order: Order, last: SortPosition, scope: str) -> str:
    packed = (last.page, last.total, last.exact, last.id.bytes, order.to_packed(last.key))
    return encode_cursor(order.layout, *packed, scope=scope)


def _decode(order: Order, cursor: str, scope: str) -> SortPosition:
    page, total, exact, speech_id, packed = decode_cursor(order.layout, cursor, scope=scope)
    try:
        key = order.from_packed(packed)
    except ValueError:
        page = MAX_CURSOR_PAGE + 1
    if page > MAX_CURSOR_PAGE:
        raise field_error("#/query/cursor", "must be the next_cursor of a page")
    return SortPosition(page, total, exact, UUID(bytes=speech_id), key)
