"""Reads a table in threads, while its bytes arrive through the event loop."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

READ_TIMEOUT_SECONDS = 60.0
_END = object()


class BlockingChunks:
    """The chunks of an asynchronous source, for use in another thread."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks, self._loop = chunks, asyncio.get_running_loop()

    def __iter__(self) -> Iterator[bytes]:
        while (chunk := self._wait_for_next()) is not None:
            yield chunk

    def _wait_for_next(self) -> bytes | None:
        following = asyncio.run_coroutine_threadsafe(self._read_next(), self._loop)
        try:
            # Bounded, so that the thread ends even if the event loop has stopped.
            return following.result(READ_TIMEOUT_SECONDS)
        except TimeoutError:
            following.cancel()
            raise

    async def _read_next(self) -> bytes | None:
        return await anext(self._chunks, None)


async def run_with_chunks[R](chunks: AsyncIterator[bytes], work: Callable[[Iterator[bytes]], R]) -> R:
    """Run a function in a thread that reads the chunks."""
    source = BlockingChunks(chunks)
    return await asyncio.to_thread(lambda: work(iter(source)))


async def iterate_in_thread[T](items: Iterator[T]) -> AsyncIterator[T]:
    """Yield the items of an iterator whose every step runs in a thread."""
    while (item := await asyncio.to_thread(next, items, _END)) is not _END:
        yield item  # type: ignore[misc] # the sentinel is not an item
