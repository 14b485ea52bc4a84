from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from scoring.errors import TooManyRecordings


class LearnerShares:
    """Limits each learner's concurrent recordings in this process, from the first byte to the scores."""

    def __init__(self, limit: int) -> None:
        self._limit, self._taken = limit, Counter[UUID]()

    @contextmanager
    def hold(self, learner_id: UUID) -> Iterator[None]:
        """Count one recording. Raises TooManyRecordings if the learner already has the maximum."""
        if self._taken[learner_id] >= self._limit:
            raise TooManyRecordings(self._limit)
        self._taken[learner_id] += 1
        try:
            yield
        finally:
            self._taken[learner_id] -= 1
            if not self._taken[learner_id]:
                del self._taken[learner_id]
