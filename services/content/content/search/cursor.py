import struct
from dataclasses import dataclass, replace
from uuid import UUID

from shared.errors import field_error
from shared.http.pagination import MAX_CURSOR_PAGE, decode_cursor, encode_cursor

_LAYOUT = struct.Struct(">II???f16s16s16s")
LOWEST_ID, HIGHEST_ID = UUID(int=0), UUID(int=2**128 - 1)


@dataclass(frozen=True, kw_only=True)
class SearchCursor:
    """The last speech of a page, and the state that later pages share.

    `rank` is None outside the ranked part of a search. The ranked part is fixed to the matches between
    `floor` and `ceiling` of the first page, so that new speeches do not shift it.
    """

    page: int
    total: int
    exact: bool
    last_word_is_prefix: bool = False
    rank: float | None = None
    id: UUID = HIGHEST_ID
    floor: UUID = LOWEST_ID
    ceiling: UUID = HIGHEST_ID

    def advance(self, speech_id: UUID, *, rank: float | None = None) -> "SearchCursor":
        return replace(self, page=self.page + 1, rank=rank, id=speech_id)

    def encode(self, scope: str) -> str:
        ids = (self.id.bytes, self.floor.bytes, self.ceiling.bytes)
        flags = (self.exact, self.last_word_is_prefix, self.rank is not None)
        return encode_cursor(_LAYOUT, self.page, self.total, *flags, self.rank or 0, *ids, scope=scope)

    @classmethod
    def decode(cls, cursor: str, scope: str) -> "SearchCursor":
        """Read a cursor of the same scope. Raises Invalid."""
        page, total, exact, is_prefix, ranked, rank, *ids = decode_cursor(_LAYOUT, cursor, scope=scope)
        if page > MAX_CURSOR_PAGE:
            raise field_error("#/query/cursor", "must be the next_cursor of a page")
        speech_id, floor, ceiling = (UUID(bytes=part) for part in ids)
        return cls(
            page=page,
            total=total,
            exact=exact,
            last_word_is_prefix=is_prefix,
            rank=rank if ranked else None,
            id=speech_id,
            floor=floor,
            ceiling=ceiling,
        )
