"""Recordings of phones, browsers and editors are measured by their samples, not by their headers."""

import io
import struct
import wave
from collections.abc import Sequence

import av
import numpy as np
import pytest
from av.audio.stream import AudioStream
from numpy.typing import NDArray
from shared.audio.decoder import Decoding
from shared.audio.formats import find_format
from shared.audio.measure import measure
from shared.audio.measurement import AudioTooLong, Measurement, UndecodableAudio

type Samples = NDArray[np.float32]

RATE = 16_000
SECONDS = 3.0


def make_tone(seconds: float = SECONDS, *, rate: int = RATE, amplitude: float = 0.3) -> Samples:
    times = np.arange(int(seconds * rate)) / rate
    return (amplitude * np.sin(2 * np.pi * 440 * times)).astype(np.float32)


TONE = make_tone()


def encode(
    tracks: Sequence[Samples],
    container: str = "wav",
    codec: str = "pcm_s16le",
    *,
    rate: int = RATE,
    **options: str,
) -> bytes:
    """Make a file with a track for each array, of one channel or, with two rows, of two."""
    file = io.BytesIO()
    with av.open(file, "w", format=container, options=options) as output:
        streams = []
        for samples in tracks:
            layout = "mono" if samples.ndim == 1 else "stereo"
            stream = output.add_stream(codec, rate=48_000 if "opus" in codec else rate, layout=layout)
            assert isinstance(stream, AudioStream)
            streams.append((stream, samples, layout))
        for stream, samples, layout in streams:
            planes = (np.clip(samples, -1, 1) * 32767).astype(np.int16).reshape(-1, samples.shape[-1])
            frame = av.AudioFrame.from_ndarray(planes.T.reshape(1, -1).copy(), "s16", layout)
            frame.sample_rate = rate
            for packet in (*stream.encode(frame), *stream.encode(None)):
                output.mux(packet)
    return file.getvalue()


def measure_bytes(content: bytes) -> Measurement:
    return measure(memoryview(content))


def make_plain_wav() -> bytes:
    """A WAV whose samples begin at byte 44."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((1, 2, RATE, 0, "NONE", ""))
        writer.writeframes((TONE * 32767).astype("<i2").tobytes())
    return file.getvalue()


WAV = make_plain_wav()
MP3 = encode([TONE], "mp3", "libmp3lame")
ADTS = encode([TONE], "adts", "aac")
OPUS = encode([TONE], "ogg", "libopus")


def make_id3(size: int = 300) -> bytes:
    return b"ID3\x04\0\0" + bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0)) + bytes(size)


def make_streamed_flac() -> bytes:
    content = bytearray(encode([TONE], "flac", "flac"))
    # The total of samples, in the last 36 bits before the MD5 sum, is unknown while recording.
    content[21] &= 0xF0
    content[22:26] = bytes(4)
    return bytes(content)


def make_rf64() -> bytes:
    sizes = struct.pack("<QQQI", len(WAV), len(WAV) - 44, len(TONE), 0)
    chunk = b"ds64" + struct.pack("<I", len(sizes)) + sizes
    header = b"RF64\xff\xff\xff\xffWAVE" + chunk
    return header + WAV[12:40] + b"\xff\xff\xff\xff" + WAV[44:]


def make_padded_wav() -> bytes:
    """24 bits in containers of 32."""
    samples = ((TONE * 8388607).astype("<i4") << 8).tobytes()
    tail = struct.pack("<HHI", 22, 24, 4) + bytes.fromhex("0100000000001000800000aa00389b71")
    chunk = struct.pack("<HHIIHH", 0xFFFE, 1, RATE, RATE * 4, 4, 32) + tail
    body = b"WAVEfmt " + struct.pack("<I", len(chunk)) + chunk + b"data" + struct.pack("<I", len(samples))
    return b"RIFF" + struct.pack("<I", len(body) + len(samples)) + body + samples


def make_float_wav_with_nan() -> bytes:
    content = bytearray(encode([TONE], codec="pcm_f32le"))
    content[-4000:-3996] = np.float32(np.nan).tobytes()
    return bytes(content)


def make_lying_xing() -> bytes:
    """An MP3 whose first frame claims a hundred times as many frames."""
    content = bytearray(MP3)
    offset = content.index(b"Xing" if b"Xing" in content else b"Info")
    content[offset + 8 : offset + 12] = (100_000).to_bytes(4)
    return bytes(content)


RECORDINGS: dict[str, tuple[bytes, str]] = {
    "wav": (WAV, "wav"),
    "wav streamed with size 0": (WAV[:4] + bytes(4) + WAV[8:40] + bytes(4) + WAV[44:], "wav"),
    "wav streamed with size FFFFFFFF": (WAV[:4] + b"\xff" * 4 + WAV[8:40] + b"\xff" * 4 + WAV[44:], "wav"),
    "rf64": (make_rf64(), "wav"),
    "wav of 24 in 32 bits": (make_padded_wav(), "wav"),
    "wav with NaN": (make_float_wav_with_nan(), "wav"),
    "mp3": (MP3, "mp3"),
    "mp3 with ID3": (make_id3() + MP3, "mp3"),
    "mp3 behind junk": (b"junk\xff" * 100 + MP3, "mp3"),
    "mp3 with a lying Xing header": (make_lying_xing(), "mp3"),
    "mp3 of 44.1, then 48 kHz": (
        encode([make_tone(1.5, rate=44_100)], "mp3", "libmp3lame", rate=44_100)
        + encode([make_tone(1.5, rate=48_000)], "mp3", "libmp3lame", rate=48_000),
        "mp3",
    ),
    "mp3 of one, then two channels": (
        encode([make_tone(1.5)], "mp3", "libmp3lame")
        + encode([np.stack([make_tone(1.5)] * 2)], "mp3", "libmp3lame"),
        "mp3",
    ),
    "adts": (ADTS, "aac"),
    "adts with ID3": (make_id3() + ADTS, "aac"),
    "m4a": (encode([TONE], "ipod", "aac"), "m4a"),
    "alac in m4a": (encode([TONE], "ipod", "alac"), "m4a"),
    "fragmented mp4": (encode([TONE], "mp4", "aac", movflags="frag_keyframe+empty_moov"), "m4a"),
    "opus in mp4": (encode([TONE], "mp4", "libopus"), "m4a"),
    "ogg": (OPUS, "ogg"),
    "chained ogg": (
        encode([make_tone(1.5)], "ogg", "libopus")
        + encode([np.stack([make_tone(1.5)] * 2)], "ogg", "libopus"),
        "ogg",
    ),
    "flac": (encode([TONE], "flac", "flac"), "flac"),
    "flac streamed": (make_streamed_flac(), "flac"),
    "flac with ID3": (make_id3() + encode([TONE], "flac", "flac"), "flac"),
    "webm": (encode([TONE], "webm", "libopus"), "webm"),
    "pcm in webm": (encode([TONE], "matroska", "pcm_f32le"), "webm"),
    "opposite phases": (encode([np.stack([TONE, -TONE])]), "wav"),
    "silence on the first track": (encode([TONE * 0, TONE], "mp4", "aac"), "m4a"),
}


@pytest.mark.parametrize("name", RECORDINGS)
def test_every_recording_is_measured_as_three_seconds_of_the_same_sound(name: str) -> None:
    content, kind = RECORDINGS[name]
    measured = measure_bytes(content)
    assert measured.format == kind
    assert measured.duration_ms == pytest.approx(SECONDS * 1000, abs=150)
    assert measured.level_db == pytest.approx(-13.5, abs=1.5)
    assert measured.clipped_share == 0


@pytest.mark.parametrize("name", ["wav", "mp3", "adts"])
def test_half_a_recording_has_half_the_duration(name: str) -> None:
    content, _ = RECORDINGS[name]
    assert measure_bytes(content[: len(content) // 2]).duration_ms == pytest.approx(1_500, abs=250)


@pytest.mark.parametrize("name", ["ogg", "flac", "webm", "fragmented mp4"])
def test_an_incomplete_recording_is_measured_up_to_its_end(name: str) -> None:
    content, _ = RECORDINGS[name]
    assert 300 < measure_bytes(content[: len(content) // 2]).duration_ms < 2_700


def test_a_constant_offset_is_silence() -> None:
    assert measure_bytes(encode([TONE * 0 + np.float32(0.05)])).level_db < -80
    assert measure_bytes(encode([TONE + np.float32(0.05)])).level_db == pytest.approx(-13.5, abs=1)


def test_the_louder_channel_counts() -> None:
    assert measure_bytes(encode([np.stack([TONE * 0, TONE])])).level_db == pytest.approx(-13.5, abs=0.2)


def test_samples_above_full_scale_count_as_full_scale() -> None:
    content = encode([np.sign(TONE)], codec="pcm_f32le")
    louder = content[:-80_000] + (np.frombuffer(content[-80_000:], "<f4") * 2).tobytes()
    assert measure_bytes(louder).level_db == measure_bytes(content).level_db


def test_silence_and_clipping_are_measured() -> None:
    assert measure_bytes(encode([TONE * 0])).level_db == -120
    assert measure_bytes(encode([np.sign(TONE)])).clipped_share > 0.9


def test_another_codec_is_named_with_its_container() -> None:
    with pytest.raises(UndecodableAudio, match=r"m4a .* ac3"):
        measure_bytes(encode([make_tone(rate=48_000)], "mp4", "ac3", rate=48_000))


def test_at_most_five_minutes_are_accepted() -> None:
    assert measure_bytes(encode([make_tone(300) * 0], "flac", "flac")).duration_ms == 300_000
    with pytest.raises(AudioTooLong):
        measure_bytes(encode([make_tone(301) * 0], "flac", "flac"))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello" * 1000,
        bytes(5000),
        b"RIFF",
        b"ID3\x04",
        make_id3(),
        WAV[:44],
        b"\xff" * 70_000,
        b"OggS" * 99,
    ],
)
def test_content_that_is_not_audio_is_refused(content: bytes) -> None:
    with pytest.raises(UndecodableAudio):
        measure_bytes(content)


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 24_000, 32_000, 44_100, 48_000])
def test_frames_are_recognised_after_junk(rate: int) -> None:
    for container, codec in (("mp3", "libmp3lame"), ("adts", "aac")):
        content = encode([make_tone(0.5, rate=rate)], container, codec, rate=rate)
        start = content.index(b"\xff")
        measured = find_format(memoryview(b"\0junk\xff\xe0" + content[start:]))
        assert measured is not None
        assert (measured.format.demuxer, measured.start) == ({"adts": "aac"}.get(container, container), 7)


def test_the_search_for_a_track_with_sound_is_bounded() -> None:
    decoded = list[float]()
    content = encode([TONE * 0] * 8, "mp4", "aac")
    decoding = Decoding(
        memoryview(content), 2 * SECONDS, lambda frame: decoded.append(frame.samples / frame.sample_rate)
    )
    for _ in decoding:
        pass
    assert sum(decoded) < 4 * SECONDS
