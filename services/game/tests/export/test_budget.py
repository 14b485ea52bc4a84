from contextlib import ExitStack
from uuid import UUID, uuid4

import pytest
from game.errors import ExportRunning, ExportsFull
from game.export.budget import MAX_BYTES, STREAM_BYTES, ExportBudget

LEARNER = UUID(int=1)


def test_a_user_has_one_stream_at_a_time() -> None:
    budget = ExportBudget()
    with budget.reserve(LEARNER):
        with pytest.raises(ExportRunning) as excinfo, budget.reserve(LEARNER):
            pass
        assert int(excinfo.value.headers["Retry-After"]) > 0
        with budget.reserve(uuid4()):
            pass
    with budget.reserve(LEARNER):
        pass


def test_all_streams_share_a_total_limit() -> None:
    budget = ExportBudget()
    with ExitStack() as streams:
        for _ in range(MAX_BYTES // STREAM_BYTES):
            streams.enter_context(budget.reserve(uuid4()))
        with pytest.raises(ExportsFull) as excinfo, budget.reserve(LEARNER):
            pass
        assert int(excinfo.value.headers["Retry-After"]) > 0
    with budget.reserve(LEARNER):
        pass


def test_a_stream_that_fails_releases_its_reservation() -> None:
    budget = ExportBudget(max_bytes=STREAM_BYTES)
    for _ in range(3):
        with pytest.raises(KeyError), budget.reserve(LEARNER):
            raise KeyError
