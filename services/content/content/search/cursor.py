"""Cursors."""

import struct
from dataclasses import dataclass
from uuid import UUID

from shared.cursors import MOST_PAGES, opened, sealed
from shared.errors import invalid

_LAYOUT = struct.Struct(">II???f16s16s16s")


@dataclass(frozen=True)
class SearchCursor:
    """Where a page begins: behind the speech `id`, in the ranked part if `rank` is given.

    `typed` says that the last word was taken for the beginning of one.

    The ranked part is what matched between `floor` and `ceiling` on the first page, so that speeches that are
    added meanwhile move nothing.
    """

    page: int
    total: int
    exact: bool
    last_word_is_prefix: bool
    rank: float | None
    id: UUID
    floor: UUID
    ceiling: UUID

    def encode(self, scope: str) -> str:
        ids = (self.id.bytes, self.floor.bytes, self.ceiling.bytes)
        ranked = self.rank is not None
        flags = (self.exact, self.last_word_is_prefix, ranked)
        return sealed(_LAYOUT, self.page, self.total, *flags, self.rank or 0, *ids, scope=scope)

    @classmethod
    def decode(cls, cursor: str, scope: str) -> "SearchCursor":
        page, total, exact, last_word_is_prefix, ranked, rank, *ids = opened(_LAYOUT, cursor, scope=scope)
        if page > MOST_PAGES:
            raise invalid("#/query/cursor", "must be the next_cursor of a page")
        rest = (UUID(bytes=each) for each in ids)
        return cls(page, total, exact, last_word_is_prefix, rank if ranked else None, *rest)
