import struct
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scoring.audio.decoder import decode_recording
from scoring.errors import UnsupportedAudio
from shared.audio.formats import CODECS, FORMATS

type Samples = NDArray[np.float32]
type Encode = Callable[..., bytes]

ENCODERS = {
    "pcm": "pcm_s16le",
    "mp3": "libmp3lame",
    "aac": "aac",
    "alac": "alac",
    "opus": "libopus",
    "vorbis": "vorbis",
    "flac": "flac",
}
WRITTEN = {
    "wav": ("pcm", "mp3"),
    "mp4": ("pcm", "mp3", "aac", "alac", "opus", "flac"),
    "mov": ("pcm", "mp3", "aac", "alac"),
    "3gp": ("aac",),
    "ogg": ("opus", "vorbis", "flac"),
    "matroska": tuple(ENCODERS),
    "webm": ("opus",),
}
"""Codecs that FFmpeg can write to each container."""
RAW = {"mp3": "mp3", "aac": "aac", "flac": "flac"}
WAVE_TAGS = {"mp3": 0x55, "aac": 0x1600, "flac": 0xF1AC}


def wrap_in_wav(content: bytes, *, tag: int) -> bytes:
    header = struct.pack("<HHIIHHH", tag, 1, 16_000, 8_000, 1, 0, 0)
    chunks = b"fmt " + struct.pack("<I", len(header)) + header
    chunks += b"data" + struct.pack("<I", len(content)) + content
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WAVE" + chunks


def test_every_codec_has_an_encoder() -> None:
    assert set(ENCODERS) == set(CODECS)


@pytest.mark.parametrize(
    ("container", "codec"), [(container, codec) for container, codecs in WRITTEN.items() for codec in codecs]
)
def test_known_codecs_are_accepted_in_all_known_containers(
    container: str, codec: str, encode: Encode, voice: Samples
) -> None:
    # FFmpeg's Vorbis encoder supports only two channels.
    channels = 2 if codec == "vorbis" else 1
    data = encode(voice, codec=ENCODERS[codec], container=container, channels=channels)
    assert decode_recording(memoryview(data)).seconds == pytest.approx(2.485, abs=0.15)


@pytest.mark.parametrize("codec", WAVE_TAGS)
def test_compressed_audio_is_accepted_in_wav(codec: str, encode: Encode, voice: Samples) -> None:
    data = wrap_in_wav(encode(voice, RAW[codec]), tag=WAVE_TAGS[codec])
    recording = decode_recording(memoryview(data))
    assert recording.source.format == "wav"
    assert recording.seconds == pytest.approx(2.485, abs=0.15)


@pytest.mark.parametrize(
    ("container", "codec", "expected_names"),
    [
        ("wav", "adpcm_ms", "wav"),
        ("wav", "g722", "wav"),
        ("mp4", "ac3", "m4a"),
        ("matroska", "mp2", "webm"),
        ("matroska", "tta", "webm"),
    ],
)
def test_a_refusal_names_container_and_codec(
    container: str, codec: str, expected_names: str, encode: Encode, voice: Samples
) -> None:
    rate = 44_100 if codec == "ac3" else 16_000
    data = encode(np.tile(voice, 3), codec=codec, container=container, rate=rate)
    with pytest.raises(UnsupportedAudio, match=rf"The {expected_names} file contains the codec {codec}"):
        decode_recording(memoryview(data))


def test_every_container_names_its_codecs() -> None:
    assert all(set(audio_format.codecs) <= set(CODECS) and audio_format.decoders for audio_format in FORMATS)
