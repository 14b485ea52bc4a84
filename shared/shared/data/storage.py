"""Objects in S3. The SDK is synchronous: every call that reaches the network runs in a thread."""

import asyncio
import io
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import datetime
from urllib.parse import urlsplit

import urllib3
from minio import Minio
from minio.deleteobjects import DeleteObject
from minio.error import S3Error

from shared.data.s3_errors import (
    ObjectNotFound,
    ObjectTooLarge,
    StorageUnavailable,
    is_storage_unavailable,
    translate_storage_errors,
)
from shared.data.s3_presign import Endpoint, PresignedUrl, Presigner
from shared.data.s3_streams import ObjectStreams
from shared.settings import StorageSettings

__all__ = ["ObjectNotFound", "ObjectTooLarge", "Storage", "StorageUnavailable", "is_storage_unavailable"]

CONNECT_TIMEOUT_SECONDS, READ_TIMEOUT_SECONDS = 1.0, 2.0
"""Including one retry, less than the gateway's timeout."""
SEND_PART_SECONDS, STORE_PART_SECONDS = 10.0, 10.0


class Storage:
    """One bucket. Every method that reaches it raises StorageUnavailable."""

    def __init__(self, settings: StorageSettings) -> None:
        self._bucket = settings.s3_bucket
        self._client = _make_client(settings, settings.s3_endpoint)
        # The SDK applies the connect timeout to sending, and sends a whole part in one call.
        part_timeout = urllib3.Timeout(connect=SEND_PART_SECONDS, read=STORE_PART_SECONDS)
        self._streams = ObjectStreams(
            _make_client(settings, settings.s3_endpoint, timeout=part_timeout), self._bucket
        )
        public = _make_client(settings, settings.s3_public_endpoint or settings.s3_endpoint)
        self._presigner = Presigner(settings, Endpoint.from_client(public, self._bucket))

    async def ensure_bucket(self) -> None:
        if await _call(self._client.bucket_exists, self._bucket):
            return
        try:
            await _call(self._client.make_bucket, self._bucket)
        except (StorageUnavailable, S3Error):
            # Another process may have created it in between.
            if not await _call(self._client.bucket_exists, self._bucket):
                raise

    async def put(self, key: str, content: bytes, *, content_type: str) -> None:
        stream = io.BytesIO(content)
        await _call(self._client.put_object, self._bucket, key, stream, len(content), content_type)

    async def has_object(self, key: str) -> bool:
        try:
            await _call(self._client.stat_object, self._bucket, key)
        except ObjectNotFound:
            return False
        return True

    async def read(self, key: str, *, max_bytes: int) -> bytes:
        """Return the content of an object. Raises ObjectNotFound and ObjectTooLarge."""
        stat = await _call(self._client.stat_object, self._bucket, key)
        if (stat.size or 0) > max_bytes:
            raise ObjectTooLarge(key)
        if not stat.size:
            return b""
        return await _call(self._read_content, key, max_bytes)

    def _read_content(self, key: str, max_bytes: int) -> bytes:
        response = self._client.get_object(self._bucket, key, length=max_bytes)
        try:
            return response.read()
        finally:
            response.close()
            response.release_conn()

    async def put_stream(
        self, key: str, chunks: AsyncIterator[bytes], *, content_type: str = "application/octet-stream"
    ) -> int:
        """Store a stream, and return its size. An error or cancellation leaves nothing behind, except that
        StorageUnavailable may leave parts, which `abort_unfinished` removes.
        """
        return await self._streams.put(key, chunks, content_type=content_type)

    def read_stream(self, key: str) -> AsyncIterator[bytes]:
        """Read an object of any size. Raises ObjectNotFound, also if it is replaced while being read."""
        return self._streams.read(key)

    async def delete(self, keys: Iterable[str]) -> None:
        """Delete objects. Missing ones are ignored."""
        await _call(self._delete, keys)

    def _delete(self, keys: Iterable[str]) -> None:
        for error in self._client.remove_objects(self._bucket, map(DeleteObject, keys)):
            raise StorageUnavailable(f"The audio storage does not delete: {error.code}.")

    async def abort_unfinished(self, key: str) -> None:
        """Remove the parts of a key left by processes that ended in the middle of `put_stream`."""
        await self._streams.abort_unfinished(key)

    async def list_keys(self, prefix: str = "") -> list[str]:
        return await _call(self._list_keys, prefix)

    def _list_keys(self, prefix: str) -> list[str]:
        objects = self._client.list_objects(self._bucket, prefix=prefix, recursive=True)
        return [item.object_name for item in objects if item.object_name]

    def presign(self, key: str, *, now: datetime | None = None) -> PresignedUrl:
        """Return a URL that reads the object without credentials, valid for 30 to 60 minutes. No network."""
        return self._presigner.presign(key, now=now)

    async def ping(self) -> None:
        """Raise StorageUnavailable if the bucket cannot be reached or is missing."""
        if not await _call(self._client.bucket_exists, self._bucket):
            raise StorageUnavailable("The bucket is missing.")


def _make_client(
    settings: StorageSettings, endpoint: str, *, timeout: urllib3.Timeout | None = None
) -> Minio:
    """Make a client that fails within seconds. By default the SDK retries for half an hour."""
    address = urlsplit(endpoint)
    return Minio(
        address.netloc,
        settings.s3_access_key,
        settings.s3_secret_key.get_secret_value(),
        secure=address.scheme == "https",
        # Without a region, the SDK requests it from the server before it signs.
        region=settings.s3_region,
        http_client=urllib3.PoolManager(
            timeout=timeout or urllib3.Timeout(connect=CONNECT_TIMEOUT_SECONDS, read=READ_TIMEOUT_SECONDS),
            # S3 servers sometimes return 500 or 503 to requests that succeed when retried.
            retries=urllib3.Retry(
                connect=1, read=1, status=3, backoff_factor=0.1, status_forcelist=(500, 502, 503, 504)
            ),
            maxsize=16,
        ),
    )


async def _call[**P, R](method: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    with translate_storage_errors():
        return await asyncio.to_thread(method, *args, **kwargs)
