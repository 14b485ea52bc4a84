"""Any bytes are read as a table, or refused with a reason."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from importer.table import TableProblem, inspect_table, read_rows

HEADER = b"audio_filename,text,level\n"
MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\x00", b"sep=;", b'"', b",", b";", b"\t", b"\r", b"\n")
PIECES = st.sampled_from((HEADER, b"a.mp3,Hi.,A1\n", *MARKS))


async def count_rows(content: bytes) -> int:
    """Count the rows of a table. Raises TableProblem."""

    async def stream_chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(content), 65_536):
            yield content[start : start + 65_536]

    facts = await inspect_table(stream_chunks, max_rows=10_000)
    return sum([len(rows) async for rows in read_rows(stream_chunks, encoding=facts.encoding, size=100)])


@given(st.lists(PIECES | st.binary(max_size=30), max_size=15).map(b"".join))
@example(HEADER + b"\xe9,a,b\n")
@settings(deadline=None, max_examples=300)
def test_arbitrary_bytes_are_read_or_refused(content: bytes) -> None:
    with suppress(TableProblem):
        asyncio.run(count_rows(content))


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"," * 1_000_000, "empty_table"),
        (b"x," * 400_000 + b"\n", "too_many_columns"),
        (b"x;" * 800_000, "too_many_columns"),
        (b"x" * 500_000 + b"\n", "cell_too_long"),
        (HEADER + b"x" * 3_000_000, "cell_too_long"),
        (HEADER + b'a.mp3,"' + b"x\n" * 1_000_000, "cell_too_long"),
    ],
)
async def test_endless_lines_are_refused(content: bytes, code: str) -> None:
    with pytest.raises(TableProblem) as excinfo:
        await count_rows(content)
    assert excinfo.value.code == code
