"""Maps S3 client errors to ours."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from minio.error import InvalidResponseError, S3Error, ServerError
from urllib3 import exceptions as urllib3_errors

from shared.data.network import is_network_error
from shared.errors import Unavailable

log = structlog.get_logger(__name__)

# An invalid key is treated as one without an object.
NOT_FOUND_CODES = {"NoSuchKey", "NoSuchObject", "ResourceNotFound", "KeyTooLongError"}
REFUSED_CODES = {"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "NoSuchBucket"}
UNAVAILABLE_CODES = {
    "SlowDown",
    "RequestTimeout",
    "ServiceUnavailable",
    "InternalError",
    "OperationAborted",
    "NoSuchUpload",
}
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


@contextmanager
def translate_storage_errors() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if isinstance(error, S3Error) and error.code in NOT_FOUND_CODES:
            raise ObjectNotFound(error.object_name or "") from error
        if isinstance(error, S3Error) and error.code in REFUSED_CODES:
            # Reported as an outage, although waiting alone does not end it.
            log.error("storage_refused", code=error.code)
            raise StorageUnavailable("The audio storage refuses the request.") from error
        if is_storage_unavailable(error):
            raise StorageUnavailable("The audio storage does not answer; try again in a moment.") from error
        raise


def is_storage_unavailable(error: Exception) -> bool:
    """Return False for permanent errors: rejected keys, a missing bucket, an invalid address."""
    if isinstance(error, S3Error):
        return error.code in UNAVAILABLE_CODES or error.response.status in UNAVAILABLE_STATUSES
    # Responses that are not from S3 come from proxies in front of it, or from servers that are starting.
    is_foreign = isinstance(error, ServerError | InvalidResponseError)
    return is_foreign or is_network_error(error) or isinstance(error, UNAVAILABLE_ERRORS)
