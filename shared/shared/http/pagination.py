"""Cursors: where a page ended, as text that is opaque to clients and holds only where it was given out."""

import base64
import binascii
import hashlib
import struct
from typing import Any

from shared.errors import invalid

CHECKSUM_BYTES = 8
MOST_PAGES = 1_000_000
"""A cursor beyond is made up: the page after it might have a number that no cursor can hold."""


def sealed(layout: struct.Struct, *position: Any, scope: str) -> str:
    """URL-safe text. `scope` is everything that must be the same when it comes back: list, owner, filters."""
    packed = layout.pack(*position)
    return base64.urlsafe_b64encode(packed + _checksum(packed, scope)).decode()


def opened(layout: struct.Struct, cursor: str, *, scope: str) -> tuple[Any, ...]:
    """The position that was sealed under the same scope. Raises Invalid for everything else.

    The checksum is no secret: a made-up cursor only leads to another place in a list that may be read anyway.
    """
    try:
        content = base64.b64decode(cursor, altchars=b"-_", validate=True)
        packed, checksum = content[:-CHECKSUM_BYTES], content[-CHECKSUM_BYTES:]
        if checksum != _checksum(packed, scope):
            raise ValueError("checksum")
        return layout.unpack(packed)
    except (binascii.Error, struct.error, ValueError) as error:
        raise invalid("#/query/cursor", "must be the next_cursor of a page with the same filters") from error


def _checksum(packed: bytes, scope: str) -> bytes:
    return hashlib.sha256(packed + scope.encode()).digest()[:CHECKSUM_BYTES]
