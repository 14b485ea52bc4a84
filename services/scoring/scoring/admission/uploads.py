from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Gauge

from scoring.errors import UploadsFull

RESERVED = Gauge("scoring_upload_reserved_bytes", "Memory that uploads may fill, all together.")


class UploadRoom:
    """Memory for uploads, all together. What has begun to arrive has its room, so it can also end."""

    def __init__(self, max_bytes: int) -> None:
        self._free = max_bytes

    @contextmanager
    def reserve(self, size: int) -> Iterator[None]:
        """Raise UploadsFull when too little is free."""
        if size > self._free:
            raise UploadsFull
        self._free -= size
        RESERVED.inc(size)
        try:
            yield
        finally:
            self._free += size
            RESERVED.dec(size)
