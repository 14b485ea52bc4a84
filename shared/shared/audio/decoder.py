"""Decodes recordings in memory to samples, block by block. For confined processes: it needs FFmpeg."""

from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain

import av
from av.audio.frame import AudioFrame
from av.audio.plane import AudioPlane
from av.audio.stream import AudioStream
from av.container import InputContainer

from shared.audio.formats import FORMATS, OGG, WAV, FoundFormat, find_format
from shared.audio.measurement import SAMPLE_RATE, AudioTooLong, UndecodableAudio
from shared.audio.ogg import split_links
from shared.audio.wav import Patch, find_patch

CODEC_PADDING_SECONDS = 0.2
"""Codecs may pad a recording of exactly the maximum length by this much."""
MAX_CHANNELS = 8
MAX_TRACKS = 8
SOURCE_RATES = range(8_000, 192_001)
SILENT_PEAK = 0.001
"""-60 dB below full scale."""

type Channels = Sequence[array[float]]
"""A block of one or two channels at 16 kHz. Samples of decoded floats may be NaN, infinite or exceed 1."""

av.logging.set_level(None)


class InMemoryFile:
    """A read-only file for FFmpeg."""

    def __init__(self, audio: memoryview, patch: Patch | None = None) -> None:
        self._audio, self._at = audio, 0
        self._patch_at, self._patch = patch or (0, b"")

    def read(self, size: int) -> bytes:
        part = bytes(self._audio[self._at : self._at + size])
        if self._patch and self._at <= self._patch_at < self._at + len(part):
            before = self._patch_at - self._at
            part = part[:before] + self._patch + part[before + len(self._patch) :]
        self._at += len(part)
        return part

    def seek(self, offset: int, whence: int = 0) -> int:
        origin = (0, self._at, len(self._audio))[whence]
        self._at = min(max(origin + offset, 0), len(self._audio))
        return self._at

    def tell(self) -> int:
        return self._at


@dataclass
class Decoding:
    """A recording that is being decoded. `seconds` are those decoded so far, before resampling.

    `watch` is called with each frame, before it is resampled.
    """

    audio: memoryview
    max_seconds: float
    watch: Callable[[AudioFrame], None] = lambda _: None
    detected: FoundFormat = field(init=False)
    codec: str = field(init=False, default="")
    sample_rate: int = field(init=False, default=0)
    channels: int = field(init=False, default=0)
    seconds: float = field(init=False, default=0.0)
    _searched_seconds: float = field(init=False, default=0.0)
    """Seconds of tracks decoded in search of sound: a file may have eight silent tracks."""

    def __post_init__(self) -> None:
        detected = find_format(self.audio)
        if detected is None:
            names = ", ".join(audio_format.name.upper() for audio_format in FORMATS)
            raise UndecodableAudio(f"The audio is not in a supported format: {names}.")
        self.detected = detected

    @property
    def format(self) -> str:
        return self.detected.format.name

    def __iter__(self) -> Iterator[Channels]:
        """Yield the recording's blocks. Raises UndecodableAudio or AudioTooLong."""
        content = self.audio[self.detected.start :]
        for part in split_links(content) if self.detected.format is OGG else [content]:
            with _translate_errors(self.format):
                yield from self._decode_part(part)

    def _decode_part(self, part: memoryview) -> Iterator[Channels]:
        with self._open(part) as container:
            track = self._find_track(container, part)
        with self._open(part) as container:
            yield from self._decode(container, track)

    def _open(self, part: memoryview) -> InputContainer:
        audio_format = self.detected.format
        options = {
            "codec_whitelist": ",".join(audio_format.decoders),
            "format_whitelist": audio_format.demuxer,
            "protocol_whitelist": "none",
        }
        file = InMemoryFile(part, find_patch(part) if audio_format is WAV else None)
        return av.open(file, "r", format=audio_format.demuxer, container_options=options)

    def _find_track(self, container: InputContainer, part: memoryview) -> int:
        """Return the number of the first track that can be decoded and is not silent."""
        tracks = container.streams.audio[:MAX_TRACKS]
        if not tracks:
            raise UndecodableAudio("The file contains no audio.")
        usable = [number for number, track in enumerate(tracks) if self._describe_problem(track) is None]
        if not usable:
            raise UndecodableAudio(self._describe_problem(tracks[0]) or "The file contains no audio.")
        for number in usable[:-1]:
            if self._searched_seconds >= self.max_seconds or self._is_audible(part, number):
                return number
        return usable[-1]

    def _is_audible(self, part: memoryview, number: int) -> bool:
        before = self.seconds
        try:
            with self._open(part) as container:
                channels = chain.from_iterable(self._decode(container, number))
                return any(abs(sample) > SILENT_PEAK for sample in chain.from_iterable(channels))
        finally:
            self._searched_seconds += self.seconds - before
            self.seconds = before

    def _describe_problem(self, stream: AudioStream) -> str | None:
        audio_format = self.detected.format
        # Contrary to PyAV's types, a stream with a codec that FFmpeg does not know has no context.
        if not stream.codec_context:
            return f"The {audio_format.name} file contains an unknown codec."
        codec = stream.codec_context.codec.name
        if codec not in audio_format.decoders:
            return f"The {audio_format.name} file contains the codec {codec}, which is not supported."
        if stream.sample_rate not in SOURCE_RATES or not 1 <= stream.channels <= MAX_CHANNELS:
            return "The audio must have a sample rate of 8 to 192 kHz and at most 8 channels."
        return None

    def _decode(self, container: InputContainer, number: int) -> Iterator[Channels]:
        stream = container.streams.audio[number]
        stream.codec_context.thread_count = 1
        if not self.seconds:
            self.codec, self.sample_rate = stream.codec_context.codec.name, stream.sample_rate
            self.channels = stream.channels
        resampler = _Resampler()
        for frame in _decode_frames(container, stream):
            # Headers may lie about the length: only decoded frames count.
            self.seconds += frame.samples / max(frame.sample_rate, 1)
            if self.seconds > self.max_seconds + CODEC_PADDING_SECONDS:
                raise AudioTooLong(f"The audio is longer than {self.max_seconds:.0f} s.")
            self.watch(frame)
            yield from resampler.resample(frame)
        yield from resampler.flush()


@contextmanager
def _translate_errors(name: str) -> Iterator[None]:
    try:
        yield
    except (av.FFmpegError, ValueError, ArithmeticError, EOFError, MemoryError) as error:
        raise UndecodableAudio(f"The audio looks like {name} but cannot be decoded.") from error


def _decode_frames(container: InputContainer, stream: AudioStream) -> Iterator[AudioFrame]:
    for packet in container.demux(stream):
        try:
            frames = packet.decode()
        except av.InvalidDataError:
            continue  # as players do: uploads may be truncated
        yield from frames


class _Resampler:
    """Converts frames of any rate and layout. Both may change within a recording."""

    def __init__(self) -> None:
        self._source: tuple[str, str, int] | None = None
        self._resampler: av.AudioResampler | None = None

    def resample(self, frame: AudioFrame) -> Iterator[Channels]:
        source = (frame.format.name, frame.layout.name, frame.sample_rate)
        if source != self._source:
            yield from self.flush()
            layout = "mono" if frame.layout.nb_channels == 1 else "stereo"
            self._source = source
            self._resampler = av.AudioResampler("fltp", layout, SAMPLE_RATE, threads=1)
        # Timestamps restart with each change of the source.
        frame.pts = None
        yield from self._convert(frame)

    def flush(self) -> Iterator[Channels]:
        yield from self._convert(None)
        self._resampler = None

    def _convert(self, frame: AudioFrame | None) -> Iterator[Channels]:
        if self._resampler is not None:
            for part in self._resampler.resample(frame):
                yield [_to_samples(plane, part.samples) for plane in part.planes]


def _to_samples(plane: AudioPlane, count: int) -> array[float]:
    # A plane ends with padding.
    samples = array("f")
    samples.frombytes(memoryview(plane)[: count * samples.itemsize])
    return samples
