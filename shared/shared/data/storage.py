"""Objects in S3. The SDK is synchronous: every call that reaches the network runs in a thread."""

import asyncio
import io
from collections.abc import Callable
from datetime import datetime
from urllib.parse import urlsplit

import structlog
import urllib3
from minio import Minio
from minio.error import InvalidResponseError, S3Error, ServerError
from urllib3 import exceptions as urllib3_errors

from shared.data.network import is_network_error
from shared.data.s3_presign import Endpoint, PresignedUrl, Presigner
from shared.errors import Unavailable
from shared.settings import StorageSettings

CONNECT_TIMEOUT_SECONDS, READ_TIMEOUT_SECONDS = 1.0, 2.0
"""With one repetition less than the gateway waits."""

log = structlog.get_logger(__name__)

# A key that no object can have is one that no object has.
NOT_FOUND_CODES = {"NoSuchKey", "NoSuchObject", "ResourceNotFound", "KeyTooLongError"}
REFUSED_CODES = {"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "NoSuchBucket"}
UNAVAILABLE_CODES = {"SlowDown", "RequestTimeout", "ServiceUnavailable", "InternalError", "OperationAborted"}
UNAVAILABLE_STATUSES = {408, 429, 500, 502, 503, 504, 507}
UNAVAILABLE_ERRORS = (
    urllib3_errors.TimeoutError,
    urllib3_errors.ConnectionError,
    urllib3_errors.PoolError,
    urllib3_errors.ProxyError,
    urllib3_errors.SSLError,
    urllib3_errors.IncompleteRead,
    urllib3_errors.InvalidChunkLength,
)


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
        except (StorageUnavailable, S3Error):
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
    except Exception as error:
        if isinstance(error, S3Error) and error.code in NOT_FOUND_CODES:
            raise ObjectNotFound(error.object_name or "") from error
        if isinstance(error, S3Error) and error.code in REFUSED_CODES:
            # An outage for the client, although waiting alone does not end it.
            log.error("storage_refused", code=error.code)
            raise StorageUnavailable("The audio storage refuses the request.") from error
        if is_storage_unavailable(error):
            raise StorageUnavailable("The audio storage does not answer; try again in a moment.") from error
        raise


def is_storage_unavailable(error: Exception) -> bool:
    """Return False for what stays wrong: a refused key, a missing bucket, an address that is none."""
    if isinstance(error, S3Error):
        return error.code in UNAVAILABLE_CODES or error.response.status in UNAVAILABLE_STATUSES
    # Answers that are not S3's come from something in front of it, and from servers that are starting.
    is_foreign = isinstance(error, ServerError | InvalidResponseError)
    return is_foreign or is_network_error(error) or isinstance(error, UNAVAILABLE_ERRORS)
