import asyncio
import hashlib
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self

from shared.data.storage import Storage

MAX_WAITING_CHUNKS = 4


class ObjectWriter:
    """An object written in pieces. It exists only if the block ends without an error."""

    def __init__(self, storage: Storage, key: str, *, content_type: str) -> None:
        self._storage, self._key, self._content_type = storage, key, content_type
        self._chunks = asyncio.Queue[bytes | None](MAX_WAITING_CHUNKS)
        self._digest = hashlib.sha256()
        self._task: asyncio.Task[int] | None = None

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    async def __aenter__(self) -> Self:
        upload = self._storage.put_stream(self._key, self._read(), content_type=self._content_type)
        self._task = asyncio.create_task(upload)
        return self

    async def _read(self) -> AsyncIterator[bytes]:
        while (chunk := await self._chunks.get()) is not None:
            yield chunk

    async def write(self, chunk: bytes) -> None:
        """Add bytes. Raises StorageUnavailable, possibly for earlier writes."""
        self._digest.update(chunk)
        await self._send(chunk)

    async def _send(self, chunk: bytes | None) -> None:
        if self._task is None:
            raise RuntimeError("The writer is used outside its block.")
        sending = asyncio.ensure_future(self._chunks.put(chunk))
        try:
            # If the upload has failed, nothing reads the queue, which may stay full.
            await asyncio.wait({sending, self._task}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sending.cancel()
        if self._task.done() and (error := self._task.exception()):
            raise error

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is None:
            return
        if error is None:
            await self._send(None)
            await self._task
            return
        self._task.cancel()
        await asyncio.wait({self._task})
