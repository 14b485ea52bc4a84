"""Pages of a list: by number near its start, by an opaque cursor at any depth."""

import base64
import binascii
import hashlib
import struct
from typing import Annotated, Any

from pydantic import BaseModel, Field

from shared.errors import field_error

MAX_OFFSET = 10_000
"""Items reachable by page number. Beyond them only a cursor is cheap."""
MAX_CURSOR_PAGE = 1_000_000
"""A cursor with a higher page number is forged: the next number might not fit into a cursor."""
CHECKSUM_BYTES = 8

# The pattern is only documented: malformed text gets the same message as a cursor of other filters.
CURSOR_PATTERN = "^([A-Za-z0-9_-]{4})+([A-Za-z0-9_-]{1,3}={1,2})?$"
Cursor = Annotated[str, Field(max_length=200, json_schema_extra={"pattern": CURSOR_PATTERN})]


class PageQuery(BaseModel):
    """Query parameters of a list. Subclasses add filters, and may set another `limit`."""

    page: int = Field(1, ge=1, le=1_000_000, description="Page number, for the first 10,000 items.")
    limit: int = Field(20, ge=1, le=100, description="Items per page.")
    cursor: Cursor | None = Field(
        None,
        description="`next_cursor` of the previous page, with the same filters. Replaces `page`.",
    )

    def get_offset(self, max_offset: int = MAX_OFFSET) -> int:
        """Return the items before the page. Raises Invalid for a page beyond `max_offset`."""
        skipped = (self.page - 1) * self.limit
        if skipped and skipped >= max_offset:
            last = max(1, -(-max_offset // self.limit))
            raise field_error("#/query/page", f"must be at most {last}; follow next_cursor to go further")
        return skipped

    def build_scope(self, *owner: object) -> str:
        """Return the scope of this list's cursors: its owner and its filters."""
        return " ".join((*map(str, owner), self.model_dump_json(exclude={"page", "limit", "cursor"})))


class AdminPageQuery(PageQuery):
    limit: int = Field(50, ge=1, le=200, description="Items per page.")


class Pagination(BaseModel):
    """The position of a page in its list."""

    page: int = Field(examples=[1])
    limit: int = Field(examples=[20])
    total: int = Field(
        description="Items in the whole list; a lower bound if `total_is_exact` is false.", examples=[42]
    )
    total_pages: int = Field(examples=[3])
    total_is_exact: bool = Field(True, description="Long lists are counted only up to a limit.")
    next_cursor: str | None = Field(description="Null on the last page.", examples=["AAYkw2lT0kAAAAACAZf3"])

    @classmethod
    def from_query(
        cls, query: PageQuery, *, page: int, total: int, next_cursor: str | None, total_is_exact: bool = True
    ) -> "Pagination":
        """Describe page number `page` of the list that `query` requests."""
        return cls(
            page=page,
            limit=query.limit,
            total=total,
            total_pages=-(-total // query.limit),
            total_is_exact=total_is_exact,
            next_cursor=next_cursor,
        )


def encode_cursor(layout: struct.Struct, *position: Any, scope: str) -> str:
    """Return URL-safe text that is accepted only with the same scope: list, owner and filters."""
    packed = layout.pack(*position)
    return base64.urlsafe_b64encode(packed + _compute_checksum(packed, scope)).decode()


def decode_cursor(layout: struct.Struct, cursor: str, *, scope: str) -> tuple[Any, ...]:
    """Return the position that was encoded under the same scope. Raises Invalid for all other text."""
    # The checksum is not a secret: a forged cursor only points elsewhere in a list that its sender may read.
    try:
        content = base64.b64decode(cursor, altchars=b"-_", validate=True)
        packed, checksum = content[:-CHECKSUM_BYTES], content[-CHECKSUM_BYTES:]
        if checksum != _compute_checksum(packed, scope):
            raise ValueError("checksum")
        return layout.unpack(packed)
    except (binascii.Error, struct.error, ValueError) as error:
        message = "must be the next_cursor of a page with the same filters"
        raise field_error("#/query/cursor", message) from error


def _compute_checksum(packed: bytes, scope: str) -> bytes:
    return hashlib.sha256(packed + scope.encode()).digest()[:CHECKSUM_BYTES]
