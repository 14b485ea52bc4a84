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


def noise(seconds: float, level: float) -> Samples:
    return RANDOM.normal(0, level, int(seconds * RATE)).astype(np.float32)


def amplify(voice: Samples, gain_db: float) -> Samples:
    return (voice * 10 ** (gain_db / 20)).astype(np.float32)


def disturbed(voice: Samples, *, snr: float) -> Samples:
    """The voice in white noise, `snr` dB below it."""
    level = float(np.sqrt(np.mean(voice**2))) / 10 ** (snr / 20)
    return voice + noise(len(voice) / RATE, level)[: len(voice)]


def hum(voice: Samples, *, hz: float, level_db: float, harmonics: int = 1) -> Samples:
    time = np.arange(len(voice)) / RATE
    waves = sum(np.sin(2 * np.pi * hz * n * time) / n for n in range(1, harmonics + 1))
    return (voice * 0.9 + 10 ** (level_db / 20) * waves).astype(np.float32)


def voiced_seconds_of(recording: Recording) -> float:
    samples = np.frombuffer(recording.pcm, "<i2").astype(np.float32)
    return measure_voiced_seconds(samples / np.float32(32767))


def reason_of(samples: Samples, *, resolution_noise_db: float = -101) -> str:
    with pytest.raises(NotAssessable) as caught:
        prepare(samples, resolution_noise_db=resolution_noise_db)
    return str(caught.value.extra["reason"])


def test_a_reading_passes(voice: Samples) -> None:
    recording = prepare(voice)
    assert 1 < voiced_seconds_of(recording) < 2.5
    assert recording.source == SOURCE


@pytest.mark.parametrize("gain_db", [6, -6, -12, -20, -26, -28, -34, -40, -46])
def test_a_voice_is_found_at_any_level_and_brought_to_the_same(voice: Samples, gain_db: int) -> None:
    usual = np.frombuffer(prepare(voice).pcm, "<i2")
    levelled = np.frombuffer(prepare(amplify(voice, gain_db)).pcm, "<i2")
    assert np.abs(levelled).mean() == pytest.approx(np.abs(usual).mean(), rel=0.02)
    assert 5_000 < np.abs(levelled).max() < 32_767


def test_a_single_click_does_not_keep_a_quiet_voice_quiet(voice: Samples) -> None:
    clicking = amplify(voice, -40)
    clicking[20_000] = 1
    plain, levelled = (np.frombuffer(prepare(each).pcm, "<i2") for each in (voice, clicking))
    assert np.abs(levelled).mean() == pytest.approx(np.abs(plain).mean(), rel=0.1)


def test_a_few_words_are_found_in_a_minute_of_silence(voice: Samples) -> None:
    recording = prepare(np.concatenate([noise(30, 0.0003), voice, noise(25, 0.0003)]))
    assert 1 < voiced_seconds_of(recording) < 4


@pytest.mark.parametrize("snr", [30, 20, 12])
def test_a_reading_passes_in_some_noise(voice: Samples, snr: float) -> None:
    prepare(disturbed(voice, snr=snr))


@pytest.mark.parametrize("offset", [0.05, -0.05, 0.3])
def test_an_offset_is_removed(voice: Samples, offset: float) -> None:
    plain, moved = (np.frombuffer(prepare(each).pcm, "<i2") for each in (voice * 0.6, voice * 0.6 + offset))
    assert np.corrcoef(plain, moved)[0, 1] > 0.999


@pytest.mark.parametrize(("hz", "level_db"), [(1, -20), (8, -26), (8, -14), (20, -20), (35, -20)])
def test_rumble_that_cannot_be_heard_changes_nothing(voice: Samples, hz: float, level_db: float) -> None:
    rumbling = prepare(hum(voice, hz=hz, level_db=level_db))
    plain, filtered = (np.frombuffer(each.pcm, "<i2") for each in (prepare(voice), rumbling))
    assert np.corrcoef(plain, filtered)[0, 1] > 0.99


@pytest.mark.parametrize("hz", [50, 60])
@pytest.mark.parametrize("harmonics", [1, 5])
@pytest.mark.parametrize("gain", [1, 0.25])
def test_hum_is_no_reason_to_refuse(voice: Samples, hz: float, harmonics: int, gain: float) -> None:
    prepare(hum(voice * gain, hz=hz, level_db=-30, harmonics=harmonics))


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


def test_too_coarse(voice: Samples) -> None:
    eight_bits_db = -53
    prepare(voice, resolution_noise_db=eight_bits_db)
    assert reason_of(amplify(voice, -20), resolution_noise_db=eight_bits_db) == "low_quality"
