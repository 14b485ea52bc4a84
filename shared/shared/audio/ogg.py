"""Chained Ogg files: several recordings one after the other (RFC 3533, section 6)."""

PAGE = b"OggS"
HEADER_BYTES = 27
FIRST_PAGE_FLAG = 0x02
MAX_LINKS = 64


def split_links(content: memoryview) -> list[memoryview]:
    """Return a chain's links, which FFmpeg can only decode one by one. The last one includes the rest."""
    starts, offset, was_first = [0], 0, True
    while offset + HEADER_BYTES <= len(content) and bytes(content[offset : offset + 4]) == PAGE:
        is_first = bool(content[offset + 5] & FIRST_PAGE_FLAG)
        # All streams of a link begin before any of them continues.
        if is_first and not was_first and len(starts) < MAX_LINKS:
            starts.append(offset)
        was_first = is_first
        segments = content[offset + 26]
        table = content[offset + HEADER_BYTES : offset + HEADER_BYTES + segments]
        offset += HEADER_BYTES + segments + sum(table)
    ends = [*starts[1:], len(content)]
    return [content[start:end] for start, end in zip(starts, ends, strict=True)]
