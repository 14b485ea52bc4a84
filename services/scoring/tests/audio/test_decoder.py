import contextlib
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scoring.audio.decoder import decode_samples
from scoring.audio.resolution import ResolutionMeter
from scoring.errors import AudioTooLong, UnsupportedAudio
from scoring.types import MAX_AUDIO_SECONDS
from shared.audio.formats import FORMATS
from shared.audio.measurement import SAMPLE_RATE
from shared.errors import ParleyError

type Encode = Callable[..., bytes]
type Samples = NDArray[np.float32]

KINDS = [known.name for known in FORMATS]
MAGIC = [
    b"RIFF\x10\0\0\0WAVE",
    b"\0\0\0\x20ftypM4A ",
    b"OggS\0\x02",
    b"fLaC",
    b"\x1a\x45\xdf\xa3",
    b"ID3\x03\0",
    b"\xff\xfb\x90\x64",
    b"\xff\xf1\x50\x80",
]


@dataclass
class Decoded:
    samples: Samples
    duration_ms: int
    sample_rate: int
    format: str


def decode(data: bytes) -> Decoded:
    samples, source = decode_samples(memoryview(data), ResolutionMeter())
    return Decoded(samples, **asdict(source))


def make_tone(seconds: float, rate: int = SAMPLE_RATE) -> Samples:
    return (0.5 * np.sin(2 * np.pi * 440 * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


@pytest.mark.parametrize("kind", KINDS)
def test_every_format_gives_the_same_sound(kind: str, encode: Encode, voice: Samples) -> None:
    recording = decode(encode(voice, kind))
    assert recording.format == kind
    assert recording.duration_ms == pytest.approx(len(voice) * 1000 / SAMPLE_RATE, abs=150)
    assert len(recording.samples) == pytest.approx(len(voice), abs=0.15 * SAMPLE_RATE)
    lag = np.correlate(
        recording.samples[: 2 * SAMPLE_RATE], voice[2000 : SAMPLE_RATE + 2000], "valid"
    ).argmax()
    same = np.corrcoef(recording.samples[lag : lag + SAMPLE_RATE], voice[2000 : SAMPLE_RATE + 2000])[0, 1]
    assert same > 0.9


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_all_rates_and_channels_are_converted_to_one(rate: int, channels: int, encode: Encode) -> None:
    recording = decode(encode(make_tone(1, rate), rate=rate, channels=channels))
    assert (recording.sample_rate, recording.duration_ms) == (rate, 1000)
    assert len(recording.samples) == pytest.approx(SAMPLE_RATE, abs=40)
    spectrum = np.abs(np.fft.rfft(recording.samples[:SAMPLE_RATE]))
    assert spectrum.argmax() == pytest.approx(440, abs=1)


@pytest.mark.parametrize("kind", ["u8", "s24le", "s32le", "f32le", "f64le", "alaw", "mulaw"])
def test_all_kinds_of_wav_are_decoded(kind: str, encode: Encode, voice: Samples) -> None:
    recording = decode(encode(voice, codec=f"pcm_{kind}"))
    assert np.corrcoef(recording.samples, voice)[0, 1] > 0.99


@pytest.mark.parametrize("kind", ["wav", "mp3", "ogg", "flac"])
def test_a_minute_is_accepted_and_more_is_not(kind: str, encode: Encode) -> None:
    assert decode(encode(make_tone(MAX_AUDIO_SECONDS), kind)).duration_ms == pytest.approx(60_000, abs=100)
    with pytest.raises(AudioTooLong):
        decode(encode(make_tone(MAX_AUDIO_SECONDS + 0.5), kind))


def test_decoding_of_a_bomb_stops_early(encode: Encode) -> None:
    """Half an hour of silence is a few hundred kilobytes in FLAC and must not be decoded to its end."""
    bomb = encode(np.zeros(1800 * SAMPLE_RATE, np.float32), "flac")
    assert len(bomb) < 1_000_000
    with pytest.raises(AudioTooLong):
        decode(bomb)


def test_a_wrong_length_in_the_header_is_ignored(reading: bytes) -> None:
    for size in (b"\xff\xff\xff\xff", b"\0\0\0\0"):
        forged = reading[:40] + size + reading[44:]
        assert decode(forged).duration_ms <= 2485


@pytest.mark.parametrize("rate", [0, 1, 7_999, 192_001, 2**31 - 1])
def test_implausible_sample_rates_are_refused(rate: int, reading: bytes) -> None:
    with pytest.raises(ParleyError):
        decode(reading[:24] + rate.to_bytes(4, "little") + reading[28:])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"This is no recording.\n" * 50,
        b"#EXTM3U\n#EXTINF:10,\nhttp://127.0.0.1/secret.mp3\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        b"RIFF\x00\x00\x00\x00WAVE",
        b"RIFF\x00\x00\x00\x00AVI LIST",
        b"%PDF-1.7",
        b"\xff\xfb",
    ],
)
def test_files_that_are_not_recordings_are_refused(data: bytes) -> None:
    with pytest.raises(UnsupportedAudio):
        decode(data)


def test_a_cover_picture_is_skipped(encode: Encode, voice: Samples) -> None:
    picture = b"\0image/png\0\x03\0" + b"\x89PNG\r\n\x1a\n" + bytes(500)
    frame = b"APIC" + len(picture).to_bytes(4) + b"\0\0" + picture
    tag = b"ID3\x03\0\0" + bytes(len(frame) >> shift & 0x7F for shift in (21, 14, 7, 0)) + frame
    assert decode(tag + encode(voice, "mp3")).duration_ms == pytest.approx(2485, abs=150)


def test_a_codec_outside_the_list_is_refused(encode: Encode, voice: Samples) -> None:
    with pytest.raises(UnsupportedAudio):
        decode(encode(voice, codec="adpcm_ima_wav"))


def test_an_unknown_codec_is_refused(encode: Encode, voice: Samples) -> None:
    data = encode(voice, "webm")
    with pytest.raises(UnsupportedAudio):
        decode(data.replace(b"A_OPUS", b"A_OPUZ"))


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_samples_that_are_not_numbers_are_silence(broken: float, encode: Encode, voice: Samples) -> None:
    data = bytearray(encode(voice, codec="pcm_f32le"))
    data[-4000:-3996] = np.float32(broken).tobytes()
    recording = decode(bytes(data))
    assert np.isfinite(recording.samples).all()
    assert np.corrcoef(recording.samples, voice)[0, 1] > 0.99


@pytest.mark.parametrize("kind", ["mp3", "ogg", "webm", "aac", "flac"])
def test_an_interrupted_upload_is_decoded_up_to_its_end(kind: str, encode: Encode, voice: Samples) -> None:
    data = encode(voice, kind)
    recording = decode(data[: len(data) // 2])
    assert 500 < recording.duration_ms < 2400


@given(st.sampled_from(MAGIC), st.binary(max_size=4000))
@settings(deadline=None, max_examples=200)
def test_random_bytes_are_refused_without_a_crash(head: bytes, rest: bytes) -> None:
    with contextlib.suppress(ParleyError):
        decode(head + rest)


@given(st.data())
@settings(deadline=None, max_examples=150)
def test_damaged_recordings_do_not_crash_the_decoder(encoded: dict[str, bytes], data: st.DataObject) -> None:
    damaged = bytearray(encoded[data.draw(st.sampled_from(KINDS))])
    for _ in range(data.draw(st.integers(1, 20))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        recording = decode(bytes(damaged))
    except ParleyError:
        return
    assert len(recording.samples) <= (MAX_AUDIO_SECONDS + 1) * SAMPLE_RATE
    assert np.abs(recording.samples).max() <= 1


@pytest.fixture(scope="session")
def encoded(encode: Encode, voice: Samples) -> dict[str, bytes]:
    return {kind: encode(voice[:SAMPLE_RATE], kind) for kind in KINDS}
