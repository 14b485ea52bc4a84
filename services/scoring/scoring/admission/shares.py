from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from scoring.errors import TooManyRecordings


class LearnerShares:
    """The recordings of a learner that this process takes at once, from first byte to scores."""

    def __init__(self, limit: int) -> None:
        self._limit, self._taken = limit, Counter[UUID]()

    @contextmanager
    def hold(self, learner_id: UUID) -> Iterator[None]:
        """Raise TooManyRecordings when the learner has as many in work or in wait as allowed."""
        if self._taken[learner_id] >= self._limit:
            raise TooManyRecordings(self._limit)
        self._taken[learner_id] += 1
        try:
            yield
        finally:
            self._taken[learner_id] -= 1
            if not self._taken[learner_id]:
                del self._taken[learner_id]
