"""Objects in S3. The SDK is synchronous, so that every call that reaches the network runs in a thread."""

import asyncio
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from urllib.parse import urlsplit

import urllib3
from minio import Minio
from minio.error import MinioException, S3Error
from urllib3.exceptions import HTTPError

from shared.errors import Unavailable
from shared.settings import StorageSettings

PRESIGNED_FOR = timedelta(hours=1)
RESIGNED_EVERY = timedelta(minutes=30)


class StorageDown(Unavailable):
    """The object storage cannot be reached."""

    code = "storage_unavailable"


class Storage:
    """One bucket."""

    def __init__(self, settings: StorageSettings) -> None:
        self._bucket = settings.s3_bucket
        self._client = _client(settings, settings.s3_endpoint)
        self._public = _client(settings, settings.s3_public_endpoint or settings.s3_endpoint)
        self._presigned_at = lru_cache(maxsize=100_000)(self._sign)

    async def ensure_bucket(self) -> None:
        """Make the bucket unless it is there. Raises StorageDown."""
        if not await _call(self._client.bucket_exists, self._bucket):
            await _call(self._client.make_bucket, self._bucket)

    async def put(self, key: str, content: bytes, *, content_type: str) -> None:
        """Store an object. Raises StorageDown."""
        stream = io.BytesIO(content)
        await _call(self._client.put_object, self._bucket, key, stream, len(content), content_type)

    async def exists(self, key: str) -> bool:
        """Whether there is such an object. Raises StorageDown."""
        try:
            await _call(self._client.stat_object, self._bucket, key)
        except NoSuchObject:
            return False
        return True

    def presigned(self, key: str, *, now: datetime | None = None) -> tuple[str, datetime]:
        """An address from which anyone may read the object, and when it ends: in 30 to 60 minutes.

        Signing is local work. The same address is given out for half an hour, so that players can cache it.
        """
        now = now or datetime.now(UTC)
        into_period = timedelta(seconds=now.timestamp() % RESIGNED_EVERY.total_seconds())
        return self._presigned_at(key, now - into_period)

    def _sign(self, key: str, at: datetime) -> tuple[str, datetime]:
        url = self._public.presigned_get_object(self._bucket, key, PRESIGNED_FOR, request_date=at)
        return url, at + PRESIGNED_FOR

    async def ping(self) -> None:
        """Raise StorageDown unless the bucket is there."""
        if not await _call(self._client.bucket_exists, self._bucket):
            raise StorageDown("The bucket is missing.")


class NoSuchObject(Exception):
    """There is no object under this key."""


def _client(settings: StorageSettings, endpoint: str) -> Minio:
    """A client that fails within seconds; the SDK's own default is to try for half an hour.

    The region is given, because the SDK would otherwise ask the server for it before it signs anything.
    """
    address = urlsplit(endpoint)
    return Minio(
        address.netloc,
        settings.s3_access_key,
        settings.s3_secret_key.get_secret_value(),
        secure=address.scheme == "https",
        region=settings.s3_region,
        http_client=urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=1.0, read=10.0),
            # S3 servers answer 500 or 503 to what succeeds a moment later; silence is asked once more only.
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
            raise NoSuchObject(error.object_name or "") from error
        raise StorageDown("The audio storage refuses the request.") from error
    except (MinioException, HTTPError, OSError) as error:
        raise StorageDown("The audio storage does not answer; try again in a moment.") from error
