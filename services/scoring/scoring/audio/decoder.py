"""Decodes an upload to a recording that can be scored, in the confined process."""

import numpy as np
from shared.audio.decoder import Decoding
from shared.audio.measurement import SAMPLE_RATE, UndecodableAudio
from shared.audio.measurement import AudioTooLong as DecodedTooLong

from scoring.audio.filters import level_voice, remove_rumble
from scoring.audio.levels import measure_powers, to_levels, to_loud_level
from scoring.audio.quality import ensure_audible, ensure_undistorted, measure_voiced_seconds
from scoring.audio.recording import Recording
from scoring.audio.resolution import ResolutionMeter
from scoring.audio.samples import Samples, to_mono
from scoring.domain.scores import AudioInfo
from scoring.errors import AudioTooLong, UnsupportedAudio
from scoring.types import MAX_AUDIO_SECONDS


def decode_recording(audio: memoryview) -> Recording:
    """Raises only UnsupportedAudio, AudioTooLong or NotAssessable, for any input."""
    meter = ResolutionMeter()
    samples, source = decode_samples(audio, meter)
    try:
        return prepare_recording(samples, source, resolution_noise_db=meter.noise_db)
    finally:
        samples.fill(0)


def prepare_recording(samples: Samples, source: AudioInfo, *, resolution_noise_db: float) -> Recording:
    """Filter samples and normalise their level, in place. Raises NotAssessable."""
    ensure_undistorted(samples)
    remove_rumble(samples)
    levels = to_levels(measure_powers(samples))
    # A quiet voice is only detected after normalising its level.
    level_voice(samples, to_loud_level(levels))
    voiced_seconds = measure_voiced_seconds(samples)
    ensure_audible(levels, voiced_seconds=voiced_seconds, resolution_noise_db=resolution_noise_db)
    pcm = (samples * 32767).astype("<i2")
    return Recording(memoryview(pcm).cast("B"), source)


def decode_samples(audio: memoryview, meter: ResolutionMeter) -> tuple[Samples, AudioInfo]:
    """Return mono samples at 16 kHz between -1 and 1. Raises only UnsupportedAudio or AudioTooLong."""
    samples = np.zeros((MAX_AUDIO_SECONDS + 1) * SAMPLE_RATE, np.float32)
    try:
        return _decode(Decoding(audio, MAX_AUDIO_SECONDS, meter.add), samples)
    except UndecodableAudio as error:
        samples.fill(0)
        raise UnsupportedAudio(str(error)) from error
    except DecodedTooLong as error:
        samples.fill(0)
        detail = f"The audio is longer than {MAX_AUDIO_SECONDS} s."
        raise AudioTooLong(detail, max_seconds=MAX_AUDIO_SECONDS) from error
    except BaseException:
        samples.fill(0)
        raise


def _decode(decoding: Decoding, samples: Samples) -> tuple[Samples, AudioInfo]:
    used = 0
    for block in decoding:
        mono = to_mono(block)
        end = min(used + len(mono), len(samples))
        samples[used:end] = mono[: end - used]
        mono.fill(0)
        used = end
    if not used:
        raise UnsupportedAudio("The audio contains no sound that can be decoded.")
    source = AudioInfo(round(decoding.seconds * 1000), decoding.sample_rate, decoding.format)
    return samples[:used], source
