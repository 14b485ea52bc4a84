from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scoring.audio.decoder import decode_samples
from scoring.audio.resolution import ResolutionMeter

type Samples = NDArray[np.float32]
type Encode = Callable[..., bytes]

EIGHT_BITS_DB, SIXTEEN_BITS_DB = -52.9, -101.1


def measure(data: bytes) -> float:
    meter = ResolutionMeter()
    decode_samples(memoryview(data), meter)
    return meter.noise_db


@pytest.mark.parametrize("codec", ["pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_f64le"])
@pytest.mark.parametrize("channels", [1, 2])
def test_eight_bit_audio_is_detected_in_every_format(
    codec: str, channels: int, encode: Encode, voice: Samples
) -> None:
    coarse = (np.round(voice * 127) / 128).astype(np.float32)
    measured = measure(encode(coarse, codec=codec, channels=channels))
    assert measured == pytest.approx(EIGHT_BITS_DB, abs=0.1)


@pytest.mark.parametrize("rate", [8_000, 44_100])
def test_eight_bit_audio_is_detected_before_resampling(rate: int, encode: Encode, voice: Samples) -> None:
    assert measure(encode(voice, codec="pcm_u8", rate=rate)) == pytest.approx(EIGHT_BITS_DB, abs=0.1)


@pytest.mark.parametrize("gain", [0.7, 0.1])
def test_eight_bit_audio_is_detected_after_a_change_of_level(
    gain: float, encode: Encode, voice: Samples
) -> None:
    coarse = (np.round(voice * 127) / 128 * gain).astype(np.float32)
    assert measure(encode(coarse)) == pytest.approx(EIGHT_BITS_DB + 20 * np.log10(gain), abs=0.4)


@pytest.mark.parametrize("kind", ["wav", "mp3", "m4a", "ogg", "flac", "webm"])
@pytest.mark.parametrize("gain", [1, 0.01])
def test_other_recordings_have_a_resolution_of_16_bits(
    kind: str, gain: float, encode: Encode, voice: Samples
) -> None:
    quiet = (voice * gain).astype(np.float32)
    assert measure(encode(quiet, kind)) == pytest.approx(SIXTEEN_BITS_DB, abs=0.1)


def test_knocking_is_not_classified_as_coarse_quantisation(encode: Encode) -> None:
    samples = np.zeros(16_000, np.float32)
    samples[::4000] = 0.6
    assert measure(encode(samples)) == pytest.approx(SIXTEEN_BITS_DB, abs=0.1)
