"""Objects in S3. The SDK is synchronous: every call that reaches the network runs in a thread."""

import asyncio
import io
from collections.abc import Callable
from datetime import datetime
from urllib.parse import urlsplit

import urllib3
from minio import Minio
from minio.error import MinioException, S3Error
from urllib3.exceptions import HTTPError

from shared.data.s3_presign import Endpoint, PresignedUrl, Presigner
from shared.errors import Unavailable
from shared.settings import StorageSettings

CONNECT_TIMEOUT_SECONDS, READ_TIMEOUT_SECONDS = 1.0, 10.0


class StorageUnavailable(Unavailable):
    """The object storage cannot be reached."""

    code = "storage_unavailable"


class ObjectNotFound(Exception):
    """The key has no object."""


class ObjectTooLarge(Exception):
    """The object has more bytes than the caller accepts."""


class Storage:
    """One bucket. Every method that reaches it raises StorageUnavailable."""

    def __init__(self, settings: StorageSettings) -> None:
        self._bucket = settings.s3_bucket
        self._client = _make_client(settings, settings.s3_endpoint)
        public = _make_client(settings, settings.s3_public_endpoint or settings.s3_endpoint)
        self._presigner = Presigner(settings, Endpoint.for_bucket(public, self._bucket))

    async def ensure_bucket(self) -> None:
        if await _call(self._client.bucket_exists, self._bucket):
            return
        try:
            await _call(self._client.make_bucket, self._bucket)
        except StorageUnavailable:
            # Another process may have created it in between.
            if not await _call(self._client.bucket_exists, self._bucket):
                raise

    async def put(self, key: str, content: bytes, *, content_type: str) -> None:
        stream = io.BytesIO(content)
        await _call(self._client.put_object, self._bucket, key, stream, len(content), content_type)

    async def exists(self, key: str) -> bool:
        try:
            await _call(self._client.stat_object, self._bucket, key)
        except ObjectNotFound:
            return False
        return True

    async def read(self, key: str, *, max_bytes: int) -> bytes:
        """Return the content of an object. Raises ObjectNotFound and ObjectTooLarge."""
        found = await _call(self._client.stat_object, self._bucket, key)
        if (found.size or 0) > max_bytes:
            raise ObjectTooLarge(key)
        if not found.size:
            return b""
        return await _call(self._content, key, max_bytes)

    def _content(self, key: str, max_bytes: int) -> bytes:
        response = self._client.get_object(self._bucket, key, length=max_bytes)
        try:
            return response.read()
        finally:
            response.close()
            response.release_conn()

    def presign(self, key: str, *, now: datetime | None = None) -> PresignedUrl:
        """Return a URL that reads the object without credentials, valid for 30 to 60 minutes. No network."""
        return self._presigner.presign(key, now=now)

    async def ping(self) -> None:
        """Raise StorageUnavailable if the bucket cannot be reached or is missing."""
        if not await _call(self._client.bucket_exists, self._bucket):
            raise StorageUnavailable("The bucket is missing.")


def _make_client(settings: StorageSettings, endpoint: str) -> Minio:
    """Make a client that fails within seconds. By default the SDK retries for half an hour."""
    address = urlsplit(endpoint)
    return Minio(
        address.netloc,
        settings.s3_access_key,
        settings.s3_secret_key.get_secret_value(),
        secure=address.scheme == "https",
        # Without a region the SDK asks the server for it before it signs.
        region=settings.s3_region,
        http_client=urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT_SECONDS, read=READ_TIMEOUT_SECONDS),
            # S3 servers answer 500 or 503 to requests that succeed a moment later.
            retries=urllib3.Retry(
                connect=1, read=1, status=3, backoff_factor=0.1, status_forcelist=(500, 502, 503, 504)
            ),
            maxsize=16,
        ),
    )


async def _call[**P, R](method: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    try:
        return await asyncio.to_thread(method, *args, **kwargs)
    except S3Error as error:
        if error.code in {"NoSuchKey", "NoSuchObject", "ResourceNotFound"}:
            raise ObjectNotFound(error.object_name or "") from error
        raise StorageUnavailable("The audio storage refuses the request.") from error
    except (MinioException, HTTPError, OSError) as error:
        raise StorageUnavailable("The audio storage does not answer; try again in a moment.") from error
