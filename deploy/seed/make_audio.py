"""Generates the recordings of the seed, the learner and docs/import-example: one per row of their tables.

Needs flite (a system package) and the development environment. The output depends only on the texts and the
versions of flite and PyAV: the files contain no timestamps and the noise is seeded.
"""

import csv
import io
import json
import shutil
import subprocess
import sys
import wave
import zlib
from pathlib import Path
from typing import Literal

import av
import numpy as np
from numpy.typing import NDArray

# Mono samples at SAMPLE_RATE, full scale is 1.0.
type Samples = NDArray[np.float64]
type Codec = Literal["libmp3lame", "aac", "pcm_s16le"]

SEED = Path(__file__).parent
AUDIO = SEED / "audio"
LEARNER = SEED / "learner"
EXAMPLE = SEED.parents[1] / "docs" / "import-example"

SAMPLE_RATE = 16_000
WINDOW = SAMPLE_RATE // 100
MARGIN_SECONDS = 0.2
# Fractions of full scale: -21 dBFS during speech, no sample above -1 dBFS, a quiet room at -70 dBFS.
SPEECH_RMS = 0.089
PEAK = 0.89
ROOM_RMS = 0.0003
SILENCE_SECONDS = 3.0

NARRATORS = ("slt", "rms")
LEARNER_VOICE = "awb"
# Factors on the length of every sound: beginners hear slower speech.
PACE = {"A1": 1.2, "A2": 1.15, "B1": 1.1, "B2": 1.05, "C1": 1.0, "C2": 1.0}

# Container, codec and bits per second, by file name suffix.
FORMATS: dict[str, tuple[str, Codec, int]] = {
    ".mp3": ("mp3", "libmp3lame", 40_000),
    ".m4a": ("ipod", "aac", 32_000),
    ".wav": ("wav", "pcm_s16le", 16 * SAMPLE_RATE),
}


def main() -> None:
    """Generate all recordings and delete MP3s that no row names."""
    flite = shutil.which("flite")
    if flite is None:
        sys.exit("flite is missing: install it with the system's package manager, then run this again")
    speeches = _make_speeches(flite)
    recordings = _make_learner_recordings(flite)
    examples = _make_examples(flite)
    sys.stdout.write(f"{speeches} speeches, {recordings} learner recordings, {examples} examples written\n")


def _make_speeches(flite: str) -> int:
    with (SEED / "speeches.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    AUDIO.mkdir(exist_ok=True)
    for stale in {path.name for path in AUDIO.glob("*.mp3")} - {row["audio_filename"] for row in rows}:
        (AUDIO / stale).unlink()
    for row in rows:
        path = AUDIO / row["audio_filename"]
        samples = synthesize(flite, row["text"], voice=find_narrator(path.name), pace=PACE[row["level"]])
        path.write_bytes(encode(samples, path.suffix))
    return len(rows)


def _make_examples(flite: str) -> int:
    with (EXAMPLE / "sentences.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = [row for row in csv.DictReader(file, delimiter=";") if row["Text"]]
    for row in rows:
        path = EXAMPLE / row["Audio filename"]
        pace = PACE[row["Level"].upper()]
        samples = synthesize(flite, row["Text"], voice=find_narrator(path.name), pace=pace)
        path.write_bytes(encode(samples, path.suffix))
    silence = np.zeros(int(SILENCE_SECONDS * SAMPLE_RATE / 4))
    (EXAMPLE / "recordings" / "silence.wav").write_bytes(encode(silence, ".wav"))
    return len(rows) + 1


def _make_learner_recordings(flite: str) -> int:
    manifest = json.loads((LEARNER / "learner.json").read_text(encoding="utf-8"))
    for number, (name, recording) in enumerate(manifest.items()):
        samples = _synthesize_learner(flite, recording["text_spoken"])
        samples = samples + generate_room_noise(len(samples), seed=number)
        path = LEARNER / name
        path.write_bytes(encode(samples, path.suffix))
    return len(manifest)


def _synthesize_learner(flite: str, text: str) -> Samples:
    if not text:
        return np.zeros(int(SILENCE_SECONDS * SAMPLE_RATE))
    return synthesize(flite, text, voice=LEARNER_VOICE, pace=PACE["A1"])


def find_narrator(filename: str) -> str:
    """Choose a recording's voice by its name alone, so that a new row changes no other recording."""
    return NARRATORS[zlib.crc32(filename.encode()) % len(NARRATORS)]


def synthesize(flite: str, text: str, *, voice: str, pace: float) -> Samples:
    """Synthesise a text at the common loudness, with the same short pause at both ends."""
    command = [flite, "-voice", voice, "--setf", f"duration_stretch={pace}", "-t", text, "-o", "/dev/stdout"]
    wav = subprocess.run(command, check=True, capture_output=True).stdout  # noqa: S603 - no shell; our own texts
    with wave.open(io.BytesIO(wav)) as reader:
        if (reader.getframerate(), reader.getnchannels(), reader.getsampwidth()) != (SAMPLE_RATE, 1, 2):
            raise ValueError(f"the voice {voice} is not 16 kHz mono 16-bit")
        pcm = np.frombuffer(reader.readframes(reader.getnframes()), dtype="<i2")
    return normalize_level(trim(pcm / 32_768))


def trim(samples: Samples) -> Samples:
    """Cut the samples to MARGIN_SECONDS before the first sound and after the last."""
    margin = int(MARGIN_SECONDS * SAMPLE_RATE)
    loud = np.flatnonzero(_measure_windows(samples) > 0.01 * _measure_windows(samples).max())
    first, last = loud[0] * WINDOW, (loud[-1] + 1) * WINDOW
    padded = np.pad(samples, margin)
    return padded[first : last + 2 * margin]


def normalize_level(samples: Samples) -> Samples:
    """Scale the samples to SPEECH_RMS, pauses not counted, or lower if a peak would exceed PEAK."""
    rms = _measure_windows(samples)
    speech = rms[rms > 0.1 * rms.max()]
    gain = min(float(SPEECH_RMS / np.sqrt(np.mean(speech**2))), float(PEAK / np.abs(samples).max()))
    return samples * gain


def _measure_windows(samples: Samples) -> Samples:
    """Return the root mean square of each 10 ms window; a remainder at the end is ignored."""
    windows = samples[: len(samples) // WINDOW * WINDOW].reshape(-1, WINDOW)
    rms: Samples = np.sqrt(np.mean(windows**2, axis=1))
    return rms


def generate_room_noise(length: int, *, seed: int) -> Samples:
    """Generate the noise of a quiet room, because no real recording is digital silence."""
    return np.random.default_rng(seed).normal(0.0, ROOM_RMS, length)


def encode(samples: Samples, suffix: str) -> bytes:
    """Encode samples as an audio file in the format of the suffix."""
    container, codec, bit_rate = FORMATS[suffix]
    pcm = np.round(samples * 32_767).astype(np.int16).reshape(1, -1)
    buffer = io.BytesIO()
    # The bitexact flags keep the versions of muxer and encoder out of the file.
    with av.open(buffer, "w", format=container, container_options={"fflags": "+bitexact"}) as output:
        options = {"flags": "+bitexact"}
        stream = output.add_stream(codec, rate=SAMPLE_RATE, options=options, layout="mono", bit_rate=bit_rate)
        frame = av.AudioFrame.from_ndarray(pcm, format="s16", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return buffer.getvalue()


if __name__ == "__main__":
    main()
