from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from game.errors import ExportRunning, ExportsFull

# Maximum memory of one stream: a page as rows and as JSON, and the connection's buffer.
STREAM_BYTES = 4 * 1024 * 1024
MAX_BYTES = 8 * STREAM_BYTES
MAX_BYTES_PER_USER = STREAM_BYTES


class ExportBudget:
    """Memory used by this process's exports, in total and per user."""

    def __init__(self, *, max_bytes: int = MAX_BYTES, max_bytes_per_user: int = MAX_BYTES_PER_USER) -> None:
        self._max_bytes, self._max_bytes_per_user = max_bytes, max_bytes_per_user
        self._held = Counter[UUID]()

    @contextmanager
    def reserve(self, user_id: UUID) -> Iterator[None]:
        """Reserve the bytes of one stream for the block. Raises ExportRunning and ExportsFull."""
        if self._held[user_id] + STREAM_BYTES > self._max_bytes_per_user:
            raise ExportRunning
        if self._held.total() + STREAM_BYTES > self._max_bytes:
            raise ExportsFull
        self._held[user_id] += STREAM_BYTES
        try:
            yield
        finally:
            self._held[user_id] -= STREAM_BYTES
            # Zeros are removed, so it stays as small as the number of streams.
            self._held = +self._held
