"""Messages to and from a confined process: a head in JSON, then a body of bytes, each with its length."""

import json
import struct
from typing import Any

LENGTHS = struct.Struct(">II")
"""The lengths of head and body in bytes."""


def pack(head: Any, body_length: int = 0) -> bytes:
    document = json.dumps(head).encode()
    return LENGTHS.pack(len(document), body_length) + document
