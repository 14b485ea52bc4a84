"""Encodes and decodes a tone in every supported format, if FFmpeg is installed: `python check_audio.py`."""

import io
import sys
from array import array
from importlib.util import find_spec
from math import pi, sin
from typing import cast

RATE = 48_000
SECONDS = 0.5
CODECS = {
    "wav": ("pcm_s16le", "pcm_s24le", "pcm_f32le", "pcm_alaw"),
    "mp3": ("libmp3lame",),
    "adts": ("aac",),
    "ipod": ("aac", "alac"),
    "ogg": ("libopus", "flac"),
    "webm": ("libopus", "vorbis"),
    "flac": ("flac",),
}
"""FFmpeg's encoders by muxer: every format and codec of `shared.audio.formats`."""


def main() -> None:
    """Exit with a message if a format cannot be decoded."""
    from shared.audio.formats import CODECS as EXPECTED_CODECS
    from shared.audio.formats import FORMATS
    from shared.audio.measure import measure

    measurements = [
        measure(memoryview(encode(muxer, codec))) for muxer, codecs in CODECS.items() for codec in codecs
    ]
    for measurement in measurements:
        if abs(measurement.duration_ms - SECONDS * 1000) > 100 or not -20 < measurement.level_db < -5:
            sys.exit(f"A tone of {SECONDS} s at -13 dB was decoded as {measurement}.")
    missing = {audio_format.name for audio_format in FORMATS} - {
        measurement.format for measurement in measurements
    }
    decoders = {measurement.codec for measurement in measurements}
    missing |= {name for name, codec in EXPECTED_CODECS.items() if not codec & decoders}
    if missing:
        sys.exit(f"Not checked: {', '.join(sorted(missing))}.")


def encode(muxer: str, codec: str) -> bytes:
    import av
    from av.audio.stream import AudioStream

    # Two channels, because FFmpeg's Vorbis encoder supports only stereo.
    tone = [round(9_800 * sin(2 * pi * 440 * index / RATE)) for index in range(int(SECONDS * RATE))]
    samples = array("h", (sample for sample in tone for _ in range(2)))
    frame = av.AudioFrame(format="s16", layout="stereo", samples=len(tone))
    frame.planes[0].update(samples.tobytes())
    frame.sample_rate, frame.pts = RATE, 0
    file = io.BytesIO()
    with av.open(file, "w", format=muxer) as output:
        options = {"strict": "experimental"}
        stream = cast(AudioStream, output.add_stream(codec, rate=RATE, layout="stereo", options=options))
        for packet in (*stream.encode(frame), *stream.encode(None)):
            output.mux(packet)
    return file.getvalue()


if __name__ == "__main__":
    if find_spec("av"):
        main()
