import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from shared.http.paced_response import MAX_PIECE_BYTES, PacedResponse
from structlog.testing import capture_logs

GRACE_SECONDS = 0.2


async def yield_pages(*sizes: int) -> AsyncGenerator[bytes]:
    for size in sizes:
        yield b"x" * size


class Reader:
    """A reader that reads some pieces and then stops."""

    def __init__(self, *, takes: int = 1_000_000) -> None:
        self._takes = takes
        self.pieces: list[bytes] = []
        self.has_ended = False

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            return
        if len(self.pieces) >= self._takes:
            await asyncio.Event().wait()
        if message["body"]:
            self.pieces.append(message["body"])
        self.has_ended = not message["more_body"]


def create_paced(content: AsyncGenerator[bytes]) -> PacedResponse:
    return PacedResponse(content, media_type="application/json", headers={}, grace_seconds=GRACE_SECONDS)


async def test_pages_are_split_into_chunks_that_fit_into_a_buffer() -> None:
    reader = Reader()
    await create_paced(yield_pages(10, 3 * MAX_PIECE_BYTES + 1)).stream_response(reader.send)
    assert [len(chunk) for chunk in reader.pieces] == [10, *[MAX_PIECE_BYTES] * 3, 1]
    assert reader.has_ended


async def test_a_stalled_reader_is_disconnected() -> None:
    reader = Reader(takes=1)
    with capture_logs() as logs:
        async with asyncio.timeout(5):
            await create_paced(yield_pages(10, 10)).stream_response(reader.send)
    assert (reader.pieces, reader.has_ended) == ([b"x" * 10], False)
    assert [line["event"] for line in logs] == ["response_aborted"]


async def test_every_chunk_that_is_read_extends_the_deadline() -> None:
    reader = Reader()

    async def yield_slow_pages() -> AsyncGenerator[bytes]:
        for _ in range(4):
            await asyncio.sleep(GRACE_SECONDS / 2)
            yield b"x" * MAX_PIECE_BYTES

    await create_paced(yield_slow_pages()).stream_response(reader.send)
    assert reader.has_ended


async def test_a_response_whose_source_fails_never_looks_complete() -> None:
    reader, has_closed = Reader(), False

    async def yield_and_fail() -> AsyncGenerator[bytes]:
        nonlocal has_closed
        try:
            yield b"x"
            raise KeyError("midway")
        finally:
            has_closed = True

    response = PacedResponse(yield_and_fail(), media_type="text/csv", headers={}, failures=(KeyError,))
    with capture_logs() as logs:
        await response.stream_response(reader.send)
    assert (reader.pieces, reader.has_ended, has_closed) == ([b"x"], False, True)
    assert [line["event"] for line in logs] == ["response_aborted"]
