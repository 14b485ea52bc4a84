"""Decodes an upload to a recording that can be scored. Runs in the confined process."""

import numpy as np
from shared.audio.decoder import SAMPLE_RATE, Decoding, Samples
from shared.audio.measurement import AudioTooLong as DecodedTooLong
from shared.audio.measurement import UndecodableAudio

from scoring.audio.filters import remove_rumble
from scoring.audio.quality import check_quality
from scoring.audio.recording import Recording
from scoring.domain.scores import AudioInfo
from scoring.errors import AudioTooLong, UnsupportedAudio
from scoring.types import MAX_AUDIO_SECONDS


def decode_recording(audio: memoryview) -> Recording:
    """Raises only UnsupportedAudio, AudioTooLong or NotAssessable, for any input."""
    samples, source = decode_samples(audio)
    try:
        voiced_seconds = check_quality(samples)
        pcm = (samples * 32767).astype("<i2")
    finally:
        samples.fill(0)
    return Recording(memoryview(pcm).cast("B"), source, voiced_seconds)


def decode_samples(audio: memoryview) -> tuple[Samples, AudioInfo]:
    """Return mono samples at 16 kHz between -1 and 1. Raises only UnsupportedAudio or AudioTooLong."""
    samples = np.zeros((MAX_AUDIO_SECONDS + 1) * SAMPLE_RATE, np.float32)
    try:
        return _decode(audio, samples)
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


def _decode(audio: memoryview, samples: Samples) -> tuple[Samples, AudioInfo]:
    decoding, used = Decoding(audio, MAX_AUDIO_SECONDS), 0
    for block in decoding:
        end = min(used + len(block), len(samples))
        samples[used:end] = block[: end - used]
        block.fill(0)
        used = end
    if not used:
        raise UnsupportedAudio("The audio contains no sound that can be decoded.")
    remove_rumble(samples[:used])
    source = AudioInfo(round(decoding.seconds * 1000), decoding.sample_rate, decoding.format)
    return samples[:used], source
