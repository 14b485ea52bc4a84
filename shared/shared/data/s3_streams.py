"""Objects too large for memory: written in parts, read in ranges."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import cast
from xml.etree import ElementTree

import structlog
from minio import Minio
from minio.datatypes import Part
from minio.error import InvalidResponseError, MinioException
from minio.helpers import DictType

from shared.data.s3_errors import ObjectNotFound, StorageUnavailable, translate_storage_errors

PART_BYTES = 5 * 1024 * 1024
"""S3 accepts no smaller part, except the last one."""
RANGE_BYTES = 1024 * 1024
MAX_ATTEMPTS = 3
RETRY_SECONDS = 0.2
THREADS = 8

log = structlog.get_logger(__name__)
# The event loop keeps only weak references to its tasks.
_discarding = set[asyncio.Task[None]]()


class ObjectStreams:
    # In dedicated threads, so that large transfers do not block calls that requests wait for.
    def __init__(self, client: Minio, bucket: str) -> None:
        self._client, self._bucket = client, bucket
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="s3-stream")

    async def put(self, key: str, chunks: AsyncIterator[bytes], *, content_type: str) -> int:
        upload = _Upload(self._client, self._bucket, key, self._threads)
        try:
            return await upload.store(chunks, content_type=content_type)
        except BaseException as error:
            # A separate task, so that cancelling the caller does not cancel the clean-up.
            task = asyncio.create_task(upload.discard())
            _discarding.add(task)
            task.add_done_callback(_discarding.discard)
            # If the storage is unresponsive, the caller would wait for a second timeout.
            if not isinstance(error, StorageUnavailable):
                await asyncio.shield(task)
            raise

    async def read(self, key: str) -> AsyncIterator[bytes]:
        # Ranges, because a slow reader of one response would hold a connection that the server may close.
        stat = await self._run_in_thread(lambda: self._client.stat_object(self._bucket, key))
        position, size = 0, stat.size or 0
        while position < size:
            length = min(RANGE_BYTES, size - position)
            chunk = await self._read_range(key, position, length, stat.etag)
            yield chunk
            position += len(chunk)

    async def _read_range(self, key: str, offset: int, length: int, etag: str | None) -> bytes:
        for attempt in range(1, MAX_ATTEMPTS):
            with suppress(StorageUnavailable):
                return await self._run_in_thread(lambda: self._fetch_range(key, offset, length, etag))
            await asyncio.sleep(RETRY_SECONDS * 2**attempt)
        return await self._run_in_thread(lambda: self._fetch_range(key, offset, length, etag))

    def _fetch_range(self, key: str, offset: int, length: int, etag: str | None) -> bytes:
        response = self._client.get_object(self._bucket, key, offset=offset, length=length)
        try:
            if response.headers.get("etag", "").strip('"') != etag:
                raise ObjectNotFound(f"{key} was replaced while it was read")
            chunk = response.read()
        finally:
            response.close()
            response.release_conn()
        if len(chunk) != length:
            raise StorageUnavailable("The audio storage sent an incomplete object.")
        return chunk

    async def abort_unfinished(self, key: str) -> None:
        for upload_id in await self._run_in_thread(lambda: self._list_unfinished(key)):
            abort = self._client._abort_multipart_upload
            await self._run_in_thread(partial(abort, self._bucket, key, upload_id))

    def _list_unfinished(self, key: str) -> list[str]:
        # The SDK's own method sends an empty delimiter, to which rclone's server lists nothing.
        query: DictType = {"uploads": "", "prefix": key}
        try:
            response = self._client._execute("GET", self._bucket, query_params=query)
        except InvalidResponseError as error:
            if "NoSuchUpload" in str(error):  # rclone's for an empty list
                return []
            raise
        uploads = ElementTree.fromstring(response.data).iterfind("{*}Upload")  # noqa: S314 - our own storage
        return [item.findtext("{*}UploadId", "") for item in uploads if item.findtext("{*}Key") == key]

    async def _run_in_thread[R](self, call: Callable[[], R]) -> R:
        with translate_storage_errors():
            return await asyncio.get_running_loop().run_in_executor(self._threads, call)


class _Upload:
    def __init__(self, client: Minio, bucket: str, key: str, threads: ThreadPoolExecutor) -> None:
        self._client, self._bucket, self._key, self._threads = client, bucket, key, threads
        self._id = ""
        self._parts: list[Part] = []
        self._may_exist = False
        self._call: asyncio.Future[object] | None = None

    async def store(self, chunks: AsyncIterator[bytes], *, content_type: str) -> int:
        size, part = 0, bytearray()
        async for chunk in chunks:
            size += len(chunk)
            part += chunk
            while len(part) >= PART_BYTES:
                # All parts except the last have the same size, which some servers require.
                remaining = part[PART_BYTES:]
                del part[PART_BYTES:]
                await self._put_part(part, content_type)
                part = remaining
        if self._id:
            await self._complete(part, content_type, size)
        else:
            self._may_exist = True
            await self._run_in_thread(lambda: self._put_whole(part, content_type))
        return size

    def _put_whole(self, content: bytearray, content_type: str) -> None:
        body = cast(bytes, content)  # sent as it is, without a copy
        self._client._put_object(self._bucket, self._key, body, {"Content-Type": content_type})

    async def _put_part(self, content: bytearray, content_type: str) -> None:
        if not self._id:
            await self._run_in_thread(lambda: self._create(content_type))
        await self._run_in_thread(lambda: self._put_next(content))

    def _create(self, content_type: str) -> None:
        create = self._client._create_multipart_upload
        self._id = create(self._bucket, self._key, {"Content-Type": content_type})

    def _put_next(self, content: bytearray) -> None:
        number, body = len(self._parts) + 1, cast(bytes, content)
        etag = self._client._upload_part(self._bucket, self._key, body, None, self._id, number)
        self._parts.append(Part(number, etag))

    async def _complete(self, last_part: bytearray, content_type: str, size: int) -> None:
        if last_part:
            await self._put_part(last_part, content_type)
        self._may_exist = True
        for attempt in range(1, MAX_ATTEMPTS):
            with suppress(StorageUnavailable):
                return await self._run_in_thread(self._complete_once)
            # The response may have been lost.
            if await self._has_size(size):
                return
            await asyncio.sleep(RETRY_SECONDS * 2**attempt)
        await self._run_in_thread(self._complete_once)

    def _complete_once(self) -> None:
        completed = self._client._complete_multipart_upload(self._bucket, self._key, self._id, self._parts)
        # AWS reports a late failure in a response with status 200.
        if not completed.etag:
            raise StorageUnavailable("The audio storage could not join the parts.")

    async def _has_size(self, size: int) -> bool:
        with suppress(ObjectNotFound, StorageUnavailable):
            stat = await self._run_in_thread(lambda: self._client.stat_object(self._bucket, self._key))
            return stat.size == size
        return False

    async def discard(self) -> None:
        """Remove the parts and the object of a failed upload, if the storage responds."""
        if self._call is not None:
            # A cancelled call still runs in its thread, and must not store anything later.
            await asyncio.wait({self._call})
        try:
            await asyncio.get_running_loop().run_in_executor(self._threads, self._discard)
        except Exception as error:
            log.warning("upload_not_discarded", reason=type(error).__name__)

    def _discard(self) -> None:
        if self._id:
            # After a completion whose response was lost there is no upload to abort.
            with suppress(MinioException):
                self._client._abort_multipart_upload(self._bucket, self._key, self._id)
        if self._may_exist:
            self._client.remove_object(self._bucket, self._key)

    async def _run_in_thread[R](self, call: Callable[[], R]) -> R:
        with translate_storage_errors():
            running = asyncio.get_running_loop().run_in_executor(self._threads, call)
            self._call = running  # type: ignore[assignment] # futures are invariant
            return await asyncio.shield(running)
