import hashlib
from collections.abc import AsyncIterator


class RecordingContent:
    """The content of a file being uploaded, counted and limited. `size` and `sha256` are those of the whole
    file once it has been read.
    """

    def __init__(self, chunks: AsyncIterator[bytes], *, max_bytes: int, too_large: Exception) -> None:
        self._chunks, self._max_bytes, self._too_large = chunks, max_bytes, too_large
        self._hash = hashlib.sha256()
        self._loaded = bytearray()
        self.size = 0

    async def load(self, *, max_bytes: int) -> bytes | None:
        """Return the whole content if it is not larger. `read` still yields it."""
        async for chunk in self._receive():
            self._loaded += chunk
            if self.size > max_bytes:
                return None
        return bytes(self._loaded)

    async def read(self) -> AsyncIterator[bytes]:
        if self._loaded:
            yield bytes(self._loaded)
            self._loaded.clear()
        async for chunk in self._receive():
            yield chunk

    async def _receive(self) -> AsyncIterator[bytes]:
        async for chunk in self._chunks:
            self.size += len(chunk)
            if self.size > self._max_bytes:
                raise self._too_large
            self._hash.update(chunk)
            yield chunk

    @property
    def sha256(self) -> bytes:
        return self._hash.digest()


async def peek(chunks: AsyncIterator[bytes], size: int) -> tuple[bytes, AsyncIterator[bytes]]:
    """Return the first bytes, and all chunks including them."""
    head = b""
    async for chunk in chunks:
        head += chunk
        if len(head) >= size:
            break

    async def read() -> AsyncIterator[bytes]:
        if head:
            yield head
        async for chunk in chunks:
            yield chunk

    return head[:size], read()
