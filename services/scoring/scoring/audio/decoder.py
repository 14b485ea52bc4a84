"""Decodes uploaded recordings to samples, in memory only.

FFmpeg supports hundreds of formats, among them playlists, image sequences and text. Here it must not guess:
it gets one demuxer and a list of decoders, and may open nothing but the bytes it is given.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from numpy.typing import NDArray

from scoring.audio.formats import Format, detect_format
from scoring.errors import AudioTooLong, UnsupportedAudio
from scoring.types import MAX_AUDIO_SECONDS

SAMPLE_RATE = 16_000
CODEC_PADDING_SECONDS = 0.2
"""Codecs may pad a recording of exactly the maximum length by this much."""
MAX_CHANNELS = 8
SOURCE_RATES = range(8_000, 192_001)

type Samples = NDArray[np.float32]

av.logging.set_level(None)


@dataclass(frozen=True)
class Recording:
    """Mono samples at 16 kHz between -1 and 1. `sample_rate` is the rate before resampling."""

    samples: Samples
    duration_ms: int
    sample_rate: int
    format: str

    def wipe(self) -> None:
        self.samples.fill(0)


def decode(audio: memoryview) -> Recording:
    """Decode a whole recording. Raises only UnsupportedAudio or AudioTooLong, for any input."""
    found = detect_format(bytes(audio[:12]))
    if found is None:
        raise UnsupportedAudio("The audio is not in a supported format: WAV, MP3, M4A, AAC, OGG, FLAC, WebM.")
    samples = np.zeros(MAX_AUDIO_SECONDS * SAMPLE_RATE + SAMPLE_RATE, np.float32)
    try:
        return _decode_samples(audio, found, samples)
    except (av.FFmpegError, ValueError, ArithmeticError, EOFError, MemoryError) as error:
        samples.fill(0)
        raise UnsupportedAudio(f"The audio looks like {found.name} but cannot be decoded.") from error
    except BaseException:
        samples.fill(0)
        raise


class InMemoryFile:
    """A read-only file for FFmpeg."""

    def __init__(self, audio: memoryview) -> None:
        self._audio, self._at = audio, 0

    def read(self, size: int) -> bytes:
        part = bytes(self._audio[self._at : self._at + size])
        self._at += len(part)
        return part

    def seek(self, offset: int, whence: int = 0) -> int:
        origin = (0, self._at, len(self._audio))[whence]
        self._at = min(max(origin + offset, 0), len(self._audio))
        return self._at

    def tell(self) -> int:
        return self._at


def _decode_samples(audio: memoryview, found: Format, samples: Samples) -> Recording:
    options = {
        "codec_whitelist": ",".join(found.decoders),
        "format_whitelist": found.demuxer,
        "protocol_whitelist": "none",
    }
    with av.open(InMemoryFile(audio), "r", format=found.demuxer, container_options=options) as container:
        stream = _find_audio_stream(container, found)
        stream.codec_context.thread_count = 1
        resampler = av.AudioResampler("flt", "mono", SAMPLE_RATE, threads=1)
        used = played = 0
        for frame in _decode_frames(container, stream):
            # Headers may lie about the length: only decoded frames count.
            played += frame.samples
            if played > (MAX_AUDIO_SECONDS + CODEC_PADDING_SECONDS) * frame.sample_rate:
                raise AudioTooLong(
                    f"The audio is longer than {MAX_AUDIO_SECONDS} s.", max_seconds=MAX_AUDIO_SECONDS
                )
            used = _append_frame(resampler, frame, samples, used)
        used = _append_frame(resampler, None, samples, used)
    if not used or not np.isfinite(samples[:used]).all():
        raise UnsupportedAudio("The audio contains no sound that can be decoded.")
    np.clip(samples, -1, 1, out=samples)
    duration_ms = round(played * 1000 / stream.sample_rate)
    return Recording(samples[:used], duration_ms, stream.sample_rate, found.name)


def _find_audio_stream(container: InputContainer, found: Format) -> AudioStream:
    if not container.streams.audio:
        raise UnsupportedAudio("The file contains no audio.")
    stream = container.streams.audio[0]
    # Contrary to PyAV's types, a stream with a codec that FFmpeg does not know has no context.
    if not stream.codec_context or stream.codec_context.codec.name not in found.decoders:
        raise UnsupportedAudio(f"The {found.name} file contains an unsupported codec.")
    if stream.sample_rate not in SOURCE_RATES or not 1 <= stream.channels <= MAX_CHANNELS:
        raise UnsupportedAudio("The audio must have a sample rate of 8 to 192 kHz and at most 8 channels.")
    return stream


def _decode_frames(container: InputContainer, stream: AudioStream) -> Iterator[AudioFrame]:
    for packet in container.demux(stream):
        try:
            yield from packet.decode()
        except av.InvalidDataError:
            continue  # as players do: uploads may be truncated


def _append_frame(resampler: av.AudioResampler, frame: AudioFrame | None, samples: Samples, used: int) -> int:
    """Append a resampled frame to the used samples and return their new number."""
    for part in resampler.resample(frame):
        end = used + part.samples
        samples[used:end] = part.to_ndarray()[0]
        used = end
    return used
