"""A panel list's columns and filters, and the query in its URL."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple
from urllib.parse import urlencode

from starlette.requests import Request

from shared.errors import ParleyError, field_error
from shared.http.fields import clean_text
from shared.http.pages import MAX_COUNTED
from shared.http.pagination import MAX_OFFSET, Pagination

DEFAULT_LIMIT = 50
MAX_SEARCH_LENGTH = 200
MAX_FILTER_LENGTH = 200
MAX_PAGE = 1_000_000
MAX_CURSOR_LENGTH = 300


@dataclass(frozen=True)
class Column:
    """A column of a list, or a line of the details. Without `read`, the value is the row's attribute."""

    name: str
    label: str
    read: Callable[[Any], Any] | None = None
    is_sortable: bool = False
    is_link: bool = False
    """The value links to the row's page."""
    template: str = ""
    """A template that shows `value` and `row`, instead of the value as text."""

    def get(self, row: Any) -> Any:
        return self.read(row) if self.read else getattr(row, self.name)


class Choice(NamedTuple):
    value: str
    label: str


@dataclass(frozen=True)
class Filter:
    """A list filter: by choices, by lookup, or by an input of this type."""

    name: str
    label: str
    choices: Sequence[tuple[str, str]] = ()
    lookup: str = ""
    """Address of the look-up: `/admin/content/tags/lookup`."""
    input_type: str = "text"
    any_label: str = "Any"
    link_label: str = ""
    """Label of a value that a link sets. The list shows such a filter only after that link."""


class Count(NamedTuple):
    """A number that was counted only up to a limit."""

    value: int
    is_exact: bool = True

    @classmethod
    def from_capped(cls, value: int) -> "Count":
        """Read a count that stops at MAX_COUNTED + 1."""
        return cls(min(value, MAX_COUNTED), value <= MAX_COUNTED)

    def __str__(self) -> str:
        return f"{self.value:,}" if self.is_exact else f"{self.value:,}+"


@dataclass(frozen=True)
class ListQuery:
    """The query of a list's URL. Unknown parameters are ignored."""

    search: str = ""
    filters: Mapping[str, str] = field(default_factory=dict)
    sort: str = ""
    is_descending: bool = False
    page: int = 1
    cursor: str | None = None
    limit: int = DEFAULT_LIMIT

    def build_query(self, **changed: Any) -> str:
        """Return the query string with changed values. None removes a parameter."""
        sort = f"-{self.sort}" if self.is_descending else self.sort
        values = {"search": self.search, **self.filters, "sort": sort, **changed}
        return urlencode({name: value for name, value in values.items() if value not in ("", None)})

    @property
    def address_query(self) -> str:
        """Return the query string that shows the same rows."""
        return self.build_query(cursor=self.cursor, page=self.page if self.page > 1 else None)

    @property
    def is_filtered(self) -> bool:
        return bool(self.search or self.filters)

    def with_changes(self, **changed: Any) -> "ListQuery":
        return replace(self, **changed)


@dataclass(frozen=True)
class Listing:
    """One page of a list."""

    rows: Sequence[Any]
    pagination: Pagination
    max_offset: int = MAX_OFFSET
    """Pages beyond this offset have no number, only a cursor."""

    @property
    def previous_page(self) -> int | None:
        """Return the number of the page before this one, if it can be opened by its number."""
        page = self.pagination.page - 1
        skipped = (page - 1) * self.pagination.limit
        return page if page == 1 or 0 < skipped < self.max_offset else None

    @property
    def total(self) -> Count:
        return Count(self.pagination.total, self.pagination.total_is_exact)


def create_listing(
    query: ListQuery, rows: Sequence[Any], total: int, *, next_cursor: str | None = None
) -> Listing:
    """Create a page of a list whose items were counted up to MAX_COUNTED + 1."""
    counted = Count.from_capped(total)
    position = Pagination(
        page=query.page,
        limit=query.limit,
        total=counted.value,
        total_pages=-(-counted.value // query.limit),
        total_is_exact=counted.is_exact,
        next_cursor=next_cursor,
    )
    return Listing(rows, position)


def read_list_query(
    request: Request, *, columns: Sequence[Column], filters: Sequence[Filter], default_sort: str, limit: int
) -> ListQuery:
    """Parse a list's query string. Raises Invalid with pointers to the parameters."""
    parameters = request.query_params
    sort = parameters.get("sort") or default_sort
    sortable = {column.name for column in columns if column.is_sortable}
    if sort.removeprefix("-") not in {*sortable, default_sort.removeprefix("-"), ""}:
        raise field_error("#/query/sort", f"must be one of {', '.join(sorted(sortable))}")
    cursor = parameters.get("cursor") or None
    if cursor and len(cursor) > MAX_CURSOR_LENGTH:
        raise field_error("#/query/cursor", "must be the next_cursor of a page")
    return ListQuery(
        search=clean_parameter("search", parameters.get("search", ""), max_length=MAX_SEARCH_LENGTH),
        filters=_read_filters(parameters, filters),
        sort=sort.removeprefix("-"),
        is_descending=sort.startswith("-"),
        page=_read_page(parameters.get("page", "")),
        cursor=cursor,
        limit=limit,
    )


def _read_filters(parameters: Mapping[str, str], filters: Sequence[Filter]) -> dict[str, str]:
    selected = {}
    for list_filter in filters:
        value = clean_parameter(list_filter.name, parameters.get(list_filter.name, ""))
        if value and list_filter.choices and value not in {choice[0] for choice in list_filter.choices}:
            raise field_error(f"#/query/{list_filter.name}", "must be one of the choices")
        if value:
            selected[list_filter.name] = value
    return selected


def _read_page(text: str) -> int:
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0
    if text and not 1 <= number <= MAX_PAGE:
        raise field_error("#/query/page", f"must be a number from 1 to {MAX_PAGE}")
    return number or 1


def clean_parameter(name: str, text: str, *, max_length: int = MAX_FILTER_LENGTH) -> str:
    """Return the text normalised like stored text. Raises Invalid."""
    if len(text) > max_length:
        raise field_error(f"#/query/{name}", f"must have at most {max_length} characters")
    try:
        return clean_text(text)
    except ValueError as error:
        raise field_error(f"#/query/{name}", str(error)) from None


def describe_problem(error: ParleyError) -> str:
    """Return the messages above a list whose query is invalid."""
    errors = error.extra.get("errors") or []
    return " ".join(map(_describe_field, errors)) or error.detail


def _describe_field(error: Mapping[str, str]) -> str:
    name = error["pointer"].rpartition("/")[2].replace("_", " ").capitalize()
    return f"{name} {error['message'].removeprefix('Input ')}."
