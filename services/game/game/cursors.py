"""Where a page of sessions ended."""

import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from shared.errors import invalid
from shared.http.pagination import MOST_PAGES, opened, sealed

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LAYOUT = struct.Struct(">qI16s")


@dataclass(frozen=True)
class Cursor:
    """The last session of a page, and the number of the page that follows it."""

    completed_at: datetime
    id: UUID
    page: int

    def encode(self, scope: str) -> str:
        """Text for clients; `scope` is the learner and the filters."""
        microseconds = (self.completed_at - EPOCH) // timedelta(microseconds=1)
        return sealed(LAYOUT, microseconds, self.page, self.id.bytes, scope=scope)

    @classmethod
    def decode(cls, text: str, scope: str) -> "Cursor":
        """Raises Invalid for what `encode` did not make under the same scope."""
        microseconds, page, session_id = opened(LAYOUT, text, scope=scope)
        try:
            if page > MOST_PAGES:
                raise OverflowError
            return cls(EPOCH + timedelta(microseconds=microseconds), UUID(bytes=session_id), page)
        except OverflowError as error:
            raise invalid("#/query/cursor", "must be the next_cursor of a page") from error
