import numpy as np
import pytest
from numpy.typing import NDArray
from scoring.audio.decoder import prepare_recording
from scoring.audio.quality import measure_voiced_seconds
from scoring.audio.recording import Recording
from scoring.domain.scores import AudioInfo
from scoring.errors import NotAssessable

type Samples = NDArray[np.float32]

RATE = 16_000
RANDOM = np.random.default_rng(1)
SOURCE = AudioInfo(2485, RATE, "wav")


def prepare(samples: Samples, *, resolution_noise_db: float = -101) -> Recording:
    copy = np.clip(samples, -1, 1).astype(np.float32)
    return prepare_recording(copy, SOURCE, resolution_noise_db=resolution_noise_db)


def make_noise(seconds: float, level: float) -> Samples:
    return RANDOM.normal(0, level, int(seconds * RATE)).astype(np.float32)


def amplify(voice: Samples, gain_db: float) -> Samples:
    return (voice * 10 ** (gain_db / 20)).astype(np.float32)


def add_noise(voice: Samples, *, snr: float) -> Samples:
    """Add white noise `snr` dB below the voice."""
    level = float(np.sqrt(np.mean(voice**2))) / 10 ** (snr / 20)
    return voice + make_noise(len(voice) / RATE, level)[: len(voice)]


def add_hum(voice: Samples, *, hz: float, level_db: float, harmonics: int = 1) -> Samples:
    time = np.arange(len(voice)) / RATE
    waves = sum(np.sin(2 * np.pi * hz * n * time) / n for n in range(1, harmonics + 1))
    return (voice * 0.9 + 10 ** (level_db / 20) * waves).astype(np.float32)


def measure_voice(recording: Recording) -> float:
    samples = np.frombuffer(recording.pcm, "<i2").astype(np.float32)
    return measure_voiced_seconds(samples / np.float32(32767))


def find_reason(samples: Samples, *, resolution_noise_db: float = -101) -> str:
    with pytest.raises(NotAssessable) as excinfo:
        prepare(samples, resolution_noise_db=resolution_noise_db)
    return str(excinfo.value.extra["reason"])


def test_a_clean_reading_is_accepted(voice: Samples) -> None:
    recording = prepare(voice)
    assert 1 < measure_voice(recording) < 2.5
    assert recording.source == SOURCE


@pytest.mark.parametrize("gain_db", [6, -6, -12, -20, -26, -28, -34, -40, -46])
def test_a_voice_is_detected_and_normalised_at_any_level(voice: Samples, gain_db: int) -> None:
    defaults = np.frombuffer(prepare(voice).pcm, "<i2")
    levelled = np.frombuffer(prepare(amplify(voice, gain_db)).pcm, "<i2")
    assert np.abs(levelled).mean() == pytest.approx(np.abs(defaults).mean(), rel=0.02)
    assert 5_000 < np.abs(levelled).max() < 32_767


def test_a_single_click_does_not_prevent_the_amplification_of_a_quiet_voice(voice: Samples) -> None:
    clicking = amplify(voice, -40)
    clicking[20_000] = 1
    plain, levelled = (np.frombuffer(prepare(samples).pcm, "<i2") for samples in (voice, clicking))
    assert np.abs(levelled).mean() == pytest.approx(np.abs(plain).mean(), rel=0.1)


def test_a_few_words_are_found_in_a_minute_of_silence(voice: Samples) -> None:
    recording = prepare(np.concatenate([make_noise(30, 0.0003), voice, make_noise(25, 0.0003)]))
    assert 1 < measure_voice(recording) < 4


@pytest.mark.parametrize("snr", [30, 20, 12])
def test_a_reading_with_moderate_noise_is_accepted(voice: Samples, snr: float) -> None:
    prepare(add_noise(voice, snr=snr))


@pytest.mark.parametrize("offset", [0.05, -0.05, 0.3])
def test_an_offset_is_removed(voice: Samples, offset: float) -> None:
    plain, with_offset = (
        np.frombuffer(prepare(samples).pcm, "<i2") for samples in (voice * 0.6, voice * 0.6 + offset)
    )
    assert np.corrcoef(plain, with_offset)[0, 1] > 0.999


@pytest.mark.parametrize(("hz", "level_db"), [(1, -20), (8, -26), (8, -14), (20, -20), (35, -20)])
def test_inaudible_rumble_changes_nothing(voice: Samples, hz: float, level_db: float) -> None:
    rumbling = prepare(add_hum(voice, hz=hz, level_db=level_db))
    plain, filtered = (np.frombuffer(recording.pcm, "<i2") for recording in (prepare(voice), rumbling))
    assert np.corrcoef(plain, filtered)[0, 1] > 0.99


@pytest.mark.parametrize("hz", [50, 60])
@pytest.mark.parametrize("harmonics", [1, 5])
@pytest.mark.parametrize("gain", [1, 0.25])
def test_a_reading_with_hum_is_accepted(voice: Samples, hz: float, harmonics: int, gain: float) -> None:
    prepare(add_hum(voice * gain, hz=hz, level_db=-30, harmonics=harmonics))


def test_silence_is_refused() -> None:
    assert find_reason(np.zeros(3 * RATE, np.float32)) == "no_speech"
    assert find_reason(make_noise(3, 0.0003)) == "no_speech"


def test_a_reading_that_is_too_short_is_refused(voice: Samples) -> None:
    assert find_reason(voice[8000 : 8000 + RATE // 4]) == "too_short"
    assert find_reason(voice[:0]) == "too_short"


def test_an_overdriven_reading_is_refused(voice: Samples) -> None:
    assert find_reason(voice * 20) == "clipped"


@pytest.mark.parametrize("snr", [3, -5])
def test_a_reading_below_the_noise_level_is_refused(voice: Samples, snr: float) -> None:
    assert find_reason(add_noise(voice, snr=snr)) == "too_noisy"


def test_pure_noise_is_refused() -> None:
    assert find_reason(make_noise(3, 0.1)) == "too_noisy"


def test_a_coarsely_quantised_reading_is_refused(voice: Samples) -> None:
    eight_bits_db = -53
    prepare(voice, resolution_noise_db=eight_bits_db)
    assert find_reason(amplify(voice, -20), resolution_noise_db=eight_bits_db) == "low_quality"
