from uuid import uuid4

import pytest
from scoring.admission import LearnerShares, UploadMemory
from scoring.errors import TooManyRecordings, UploadsFull


def test_each_learner_has_a_separate_share() -> None:
    shares, learner = LearnerShares(2), uuid4()
    with shares.hold(learner), shares.hold(learner):
        with pytest.raises(TooManyRecordings) as excinfo, shares.hold(learner):
            pass
        assert excinfo.value.headers["Retry-After"] == "1"
        with shares.hold(uuid4()):
            pass
    with shares.hold(learner):
        pass


def test_a_refused_recording_takes_no_share() -> None:
    shares, learner = LearnerShares(1), uuid4()
    with shares.hold(learner):
        for _ in range(3):
            with pytest.raises(TooManyRecordings), shares.hold(learner):
                pass
    with shares.hold(learner):
        pass


def test_a_reservation_that_does_not_fit_is_refused() -> None:
    upload_memory = UploadMemory(100)
    with upload_memory.reserve(60):
        with pytest.raises(UploadsFull) as excinfo, upload_memory.reserve(50):
            pass
        assert int(excinfo.value.headers["Retry-After"]) > 0
        with upload_memory.reserve(40):
            pass
    with upload_memory.reserve(100):
        pass
