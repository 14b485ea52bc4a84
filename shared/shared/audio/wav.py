"""Corrects WAV headers that FFmpeg misreads."""

import struct

MAX_CHUNKS = 16
EXTENSIBLE = 0xFFFE
CHUNK = struct.Struct("<4sI")
FORMAT = struct.Struct("<HHIIHHHH")
"""WAVEFORMATEXTENSIBLE up to wValidBitsPerSample: samples may have fewer bits than their containers."""
VALID_BITS_OFFSET = 18

type Patch = tuple[int, bytes]
"""A position, and the bytes to read there instead."""


def find_patch(content: memoryview) -> Patch | None:
    """Return the valid bits of 24-bit samples in 32-bit containers, as those of the container. FFmpeg
    misreads such samples as floating-point numbers. They are aligned to the most significant bit.
    """
    offset = 12
    for _ in range(MAX_CHUNKS):
        if offset + CHUNK.size + FORMAT.size > len(content):
            return None
        name, size = CHUNK.unpack_from(content, offset)
        offset += CHUNK.size
        if name == b"fmt ":
            tag, _, _, _, _, bits, _, valid = FORMAT.unpack_from(content, offset)
            is_padded = size >= FORMAT.size and tag == EXTENSIBLE and 0 < valid < bits == 32
            return (offset + VALID_BITS_OFFSET, struct.pack("<H", bits)) if is_padded else None
        offset += size + size % 2
    return None
