"""Cursors: where a page of sessions ended, opaque to clients."""

import base64
import binascii
import hashlib
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from game.domain import invalid

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LAYOUT = struct.Struct(">qI16s8s")


@dataclass(frozen=True)
class Cursor:
    """The last session of a page, and the number of the page that follows it."""

    completed_at: datetime
    id: UUID
    page: int

    def encode(self, scope: str) -> str:
        """URL-safe text. `scope` is everything that must be the same when it comes back: learner, filters."""
        position = ((self.completed_at - EPOCH) // timedelta(microseconds=1), self.page, self.id.bytes)
        packed = LAYOUT.pack(*position, _checksum(*position, scope))
        return base64.urlsafe_b64encode(packed).decode()

    @classmethod
    def decode(cls, text: str, scope: str) -> "Cursor":
        """Raises Invalid for what `encode` did not make under the same scope.

        The checksum is no secret: a made-up cursor only leads to another place among one's own sessions.
        """
        try:
            *position, checksum = LAYOUT.unpack(base64.b64decode(text, altchars=b"-_", validate=True))
            microseconds, page, session_id = position
            if checksum != _checksum(microseconds, page, session_id, scope):
                raise ValueError("checksum")
            return cls(EPOCH + timedelta(microseconds=microseconds), UUID(bytes=session_id), page)
        except (binascii.Error, struct.error, ValueError, OverflowError) as error:
            raise invalid(
                "#/query/cursor", "must be the next_cursor of a page with the same filters"
            ) from error


def _checksum(microseconds: int, page: int, session_id: bytes, scope: str) -> bytes:
    return hashlib.sha256(f"{microseconds}|{page}|{session_id.hex()}|{scope}".encode()).digest()[:8]
