import numpy as np
import pytest
from scoring.providers.offline.encoder import (
    CUT_FROM,
    CUT_WITHIN,
    MAX_PART_SAMPLES,
    SAMPLE_RATE,
    TARGET_LEVEL,
    Encoder,
    find_cuts,
    normalize_level,
)


def make_noise(seconds: float) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.05, int(seconds * SAMPLE_RATE)).astype(np.float32)


def test_a_frame_lasts_24_milliseconds(encoder: Encoder) -> None:
    encoding = encoder.encode(make_noise(2.4))
    assert encoding.last.shape[1:] == (288,)
    assert encoding.inner.shape[1:] == (864,)
    assert abs(len(encoding.last) - 100) <= 2
    assert encoding.cuts == (0, len(encoding.last))


@pytest.mark.parametrize("count", [0, 1, 399, 400, 1599])
def test_very_short_recordings_have_a_few_frames(encoder: Encoder, count: int) -> None:
    encoding = encoder.encode(make_noise(1)[:count])
    assert 1 <= len(encoding.last) <= 4
    assert np.isfinite(encoding.inner).all()


def test_the_same_samples_have_the_same_frames_after_other_recordings(encoder: Encoder) -> None:
    first = encoder.encode(make_noise(1))
    encoder.encode(make_noise(7))
    assert np.array_equal(encoder.encode(make_noise(1)).inner, first.inner)


def test_the_level_does_not_affect_the_frames(encoder: Encoder) -> None:
    quiet, loud = (encoder.encode(make_noise(1) * gain).last for gain in (0.25, 4))
    assert np.array_equal(quiet, loud)


def test_the_level_is_normalized() -> None:
    leveled = normalize_level(make_noise(3))
    assert np.percentile(np.sqrt((leveled.reshape(-1, 400) ** 2).mean(axis=1)), 95) == pytest.approx(
        TARGET_LEVEL
    )


def test_long_recordings_are_cut_at_pauses() -> None:
    samples = make_noise(45)
    pause = slice(8 * SAMPLE_RATE, int(8.4 * SAMPLE_RATE))
    samples[pause] = 0
    first, second, *_ = find_cuts(samples)
    assert first == 0
    assert pause.start <= second < pause.stop


def test_no_part_is_longer_than_allowed() -> None:
    bounds = [*find_cuts(make_noise(60)), 60 * SAMPLE_RATE]
    lengths = np.diff(bounds)
    assert lengths.max() <= MAX_PART_SAMPLES
    assert (lengths[:-1] >= CUT_FROM).all()
    assert (lengths[:-1] <= CUT_FROM + CUT_WITHIN).all()


def test_parts_join_without_a_gap(encoder: Encoder) -> None:
    encoding = encoder.encode(make_noise(45))
    assert len(encoding.cuts) > 4
    assert abs(len(encoding.last) - 45 / 0.024) <= 2
    assert encoding.cuts[-1] == len(encoding.inner)
