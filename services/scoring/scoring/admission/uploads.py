from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Gauge

from scoring.errors import UploadsFull

RESERVED = Gauge("scoring_upload_reserved_bytes", "Memory reserved for uploads, in total.")


class UploadReservation:
    """The memory reserved for one upload, until `release`."""

    def __init__(self, memory: "UploadMemory") -> None:
        self._memory, self._size = memory, 0

    def extend_to(self, size: int) -> None:
        """Raises UploadsFull if too little memory is free."""
        if size > self._size:
            self._memory.reserve_bytes(size - self._size)
            self._size = size

    def release(self) -> None:
        self._memory.release(self._size)
        self._size = 0


class UploadMemory:
    """The memory that all uploads share."""

    def __init__(self, max_bytes: int) -> None:
        self._free = max_bytes

    @contextmanager
    def reserve(self, size: int) -> Iterator[UploadReservation]:
        """Raises UploadsFull if too little memory is free."""
        reservation = UploadReservation(self)
        reservation.extend_to(size)
        try:
            yield reservation
        finally:
            reservation.release()

    def reserve_bytes(self, size: int) -> None:
        if size > self._free:
            raise UploadsFull
        self._free -= size
        RESERVED.inc(size)

    def release(self, size: int) -> None:
        self._free += size
        RESERVED.dec(size)
