from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from importer.errors import StreamsFull, TooManyStreams


class StreamSlots:
    """Limits open streams of this process, in total and per user."""

    def __init__(self, *, limit: int, user_limit: int) -> None:
        self._limit, self._user_limit = limit, user_limit
        self._open = Counter[UUID]()

    @contextmanager
    def reserve(self, user_id: UUID) -> Iterator[None]:
        """Count one stream of the user while the block runs. Raises TooManyStreams and StreamsFull."""
        if self._open[user_id] >= self._user_limit:
            raise TooManyStreams(self._user_limit)
        if self._open.total() >= self._limit:
            raise StreamsFull
        self._open[user_id] += 1
        try:
            yield
        finally:
            self._open[user_id] -= 1
            # Removes users without streams.
            self._open = +self._open
