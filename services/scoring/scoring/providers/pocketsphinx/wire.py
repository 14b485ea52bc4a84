"""How the API and its workers talk: a head in JSON and a body of bytes, each after its length."""

import json
import struct
from typing import Any

LENGTHS = struct.Struct(">II")
"""The lengths of head and body in bytes."""


def pack(head: Any, body_length: int = 0) -> bytes:
    """Everything that goes before the body."""
    document = json.dumps(head).encode()
    return LENGTHS.pack(len(document), body_length) + document
