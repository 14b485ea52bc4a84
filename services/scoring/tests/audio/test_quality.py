import numpy as np
import pytest
from numpy.typing import NDArray
from scoring.audio.quality import check_quality
from scoring.errors import NotAssessable

type Samples = NDArray[np.float32]

RATE = 16_000
RANDOM = np.random.default_rng(1)


def noise(seconds: float, level: float) -> Samples:
    return RANDOM.normal(0, level, int(seconds * RATE)).astype(np.float32)


def disturbed(voice: Samples, *, snr: float) -> Samples:
    """The voice in white noise, `snr` dB below it."""
    level = float(np.sqrt(np.mean(voice**2))) / 10 ** (snr / 20)
    return voice + noise(len(voice) / RATE, level)[: len(voice)]


def reason_of(samples: Samples) -> str:
    with pytest.raises(NotAssessable) as caught:
        check_quality(np.clip(samples, -1, 1).astype(np.float32))
    return str(caught.value.extra["reason"])


def test_a_reading_passes(voice: Samples) -> None:
    assert 1 < check_quality(voice) < 2.5


@pytest.mark.parametrize("gain", [0.02, 0.3, 1.5])
def test_a_reading_passes_at_any_usual_level(voice: Samples, gain: float) -> None:
    check_quality((voice * gain).astype(np.float32))


@pytest.mark.parametrize("snr", [30, 20, 12])
def test_a_reading_passes_in_some_noise(voice: Samples, snr: float) -> None:
    check_quality(disturbed(voice, snr=snr))


def test_silence() -> None:
    assert reason_of(np.zeros(3 * RATE, np.float32)) == "no_speech"
    assert reason_of(noise(3, 0.0003)) == "no_speech"


def test_too_short(voice: Samples) -> None:
    assert reason_of(voice[8000 : 8000 + RATE // 4]) == "too_short"
    assert reason_of(voice[:0]) == "too_short"


def test_overdriven(voice: Samples) -> None:
    assert reason_of(voice * 20) == "clipped"


@pytest.mark.parametrize("snr", [3, -5])
def test_drowned_in_noise(voice: Samples, snr: float) -> None:
    assert reason_of(disturbed(voice, snr=snr)) == "too_noisy"


def test_nothing_but_noise() -> None:
    assert reason_of(noise(3, 0.1)) == "too_noisy"
