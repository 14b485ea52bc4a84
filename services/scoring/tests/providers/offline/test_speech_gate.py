import numpy as np
import pytest
from scoring.errors import NotAssessable
from scoring.providers.offline.speech_gate import ensure_speech, measure_clarity
from tests.spoken_frames import EVEN, make_frames


def test_clear_phonemes_are_speech() -> None:
    ensure_speech(make_frames("K AE T", confidence=0.6))


def test_a_quarter_of_the_frames_is_enough() -> None:
    spoken = make_frames("K AE T")
    ensure_speech(np.concatenate([spoken, *[make_frames("SIL", frames_per_phoneme=len(spoken))] * 3]))


@pytest.mark.parametrize("sounds", [make_frames("SIL", frames_per_phoneme=50), np.tile(EVEN, (50, 1))])
def test_frames_without_a_clear_phoneme_are_not_speech(sounds: np.ndarray) -> None:
    with pytest.raises(NotAssessable) as excinfo:
        ensure_speech(sounds)
    assert excinfo.value.extra == {"reason": "no_speech"}


def test_a_single_frame_can_be_measured() -> None:
    assert measure_clarity(make_frames("K", frames_per_phoneme=1, confidence=0.7)) == pytest.approx(
        0.7, abs=1e-6
    )
