"""Objects in S3. The SDK is synchronous, so that every call that reaches the network runs in a thread."""

import asyncio
import hashlib
import hmac
import io
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, urlsplit

import urllib3
from minio import Minio
from minio.error import MinioException, S3Error
from urllib3.exceptions import HTTPError

from shared.errors import Unavailable
from shared.settings import StorageSettings

PRESIGNED_FOR = timedelta(hours=1)
RESIGNED_EVERY = timedelta(minutes=30)
CONNECT_SECONDS, READ_SECONDS = 1.0, 10.0


class StorageDown(Unavailable):
    """The object storage cannot be reached."""

    code = "storage_unavailable"


class Storage:
    """One bucket."""

    def __init__(self, settings: StorageSettings) -> None:
        self._settings = settings
        self._bucket = settings.s3_bucket
        self._client = _client(settings, settings.s3_endpoint)
        self._public = _client(settings, settings.s3_public_endpoint or settings.s3_endpoint)
        self._place = _place_of(self._public, self._bucket)
        self._period = lru_cache(maxsize=2)(self._period_from)
        self._presigned_at = lru_cache(maxsize=20_000)(self._sign)

    async def ensure_bucket(self) -> None:
        """Make the bucket unless it is there. Raises StorageDown."""
        if await _call(self._client.bucket_exists, self._bucket):
            return
        try:
            await _call(self._client.make_bucket, self._bucket)
        except StorageDown:
            # Another process may have made it since we looked.
            if not await _call(self._client.bucket_exists, self._bucket):
                raise

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

    async def read(self, key: str, *, most_bytes: int) -> bytes:
        """The content of an object. Raises NoSuchObject, ObjectTooLarge and StorageDown."""
        found = await _call(self._client.stat_object, self._bucket, key)
        if (found.size or 0) > most_bytes:
            raise ObjectTooLarge(key)
        if not found.size:
            return b""
        return await _call(self._content, key, most_bytes)

    def _content(self, key: str, most_bytes: int) -> bytes:
        response = self._client.get_object(self._bucket, key, length=most_bytes)
        try:
            return response.read()
        finally:
            response.close()
            response.release_conn()

    def presigned(self, key: str, *, now: datetime | None = None) -> tuple[str, datetime]:
        """An address from which anyone may read the object, and when it ends: in 30 to 60 minutes.

        Signing is local work. The same address is given out for half an hour, so that players can cache it.
        """
        seconds = int(time.time() if now is None else now.timestamp())
        return self._presigned_at(key, seconds - seconds % RESIGNED_EVERY.seconds)

    def _sign(self, key: str, at: int) -> tuple[str, datetime]:
        """What the SDK would sign (AWS Signature Version 4, in the query), in a sixth of its time."""
        period, place = self._period(at), self._place
        path = place.path + quote(key)
        shown = f"response-content-disposition={quote(_shown(key), safe='')}"
        request = f"GET\n{path}\n{period.query}&{shown}\nhost:{place.host}\n\nhost\nUNSIGNED-PAYLOAD"
        to_sign = period.preamble + hashlib.sha256(request.encode()).hexdigest()
        signature = hmac.digest(period.key, to_sign.encode(), "sha256").hex()
        url = f"{place.scheme}://{place.host}{path}?{shown}&{period.query}&X-Amz-Signature={signature}"
        return url, period.ends

    def _period_from(self, at: int) -> "_Period":
        """Derive the signing key, once for all addresses of the half hour."""
        settings, begins = self._settings, datetime.fromtimestamp(at, UTC)
        moment, scope = f"{begins:%Y%m%dT%H%M%SZ}", f"{begins:%Y%m%d}/{settings.s3_region}/s3/aws4_request"
        key = f"AWS4{settings.s3_secret_key.get_secret_value()}".encode()
        for word in scope.split("/"):
            key = hmac.digest(key, word.encode(), "sha256")
        credential = quote(f"{settings.s3_access_key}/{scope}", safe="")
        query = (
            f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={credential}"
            f"&X-Amz-Date={moment}&X-Amz-Expires={PRESIGNED_FOR.seconds}&X-Amz-SignedHeaders=host"
        )
        preamble = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n"
        return _Period(query, preamble, key, begins + PRESIGNED_FOR)

    async def ping(self) -> None:
        """Raise StorageDown unless the bucket is there."""
        if not await _call(self._client.bucket_exists, self._bucket):
            raise StorageDown("The bucket is missing.")


class _Place(NamedTuple):
    """Where the objects of the bucket are for clients; `path` ends with a slash."""

    scheme: str
    host: str
    path: str


class _Period(NamedTuple):
    """What the signatures of half an hour have in common; `preamble` is the text to sign before the hash."""

    query: str
    preamble: str
    key: bytes
    ends: datetime


def _shown(key: str) -> str:
    """The browser plays it where it is, and keeps it under its own name."""
    return f"inline; filename*=UTF-8''{quote(key.rpartition('/')[2])}"


def _place_of(client: Minio, bucket: str) -> _Place:
    # The SDK knows which servers have the bucket in their host name, and which in the path.
    address = urlsplit(client.presigned_get_object(bucket, "x"))
    return _Place(address.scheme, address.netloc, address.path.removesuffix("x"))


class NoSuchObject(Exception):
    """There is no object under this key."""


class ObjectTooLarge(Exception):
    """The object under this key has more bytes than the caller takes."""


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
            timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
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
