"""The offline scorer's results for recordings that are not readings of their text, and the times they take.

Run it with `make bench WHAT=hostile`. Voices of other languages need eSpeak NG; without it they are omitted.
"""

import asyncio
import csv
import io
import shutil
import struct
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np
from scoring.audio.decoder import decode_recording
from scoring.audio.recording import Recording
from scoring.domain.scores import AudioInfo
from scoring.errors import ASSESSMENT_ERRORS, SpeechProcessingError
from scoring.providers.offline.provider import PROCESS, OfflineProvider
from shared.confined.pool import WorkerPool

from bench import sounds
from bench.sounds import RATE, Random, Samples

ROOT = Path(__file__).parents[1]
SEED, LANGUAGES = ROOT / "deploy" / "seed", ROOT / "services/scoring/tests/recordings/languages"
MAX_POINTS, MAX_VOICE_POINTS, MAX_SECONDS = 15.0, 25.0, 12.0
"""Limits for sounds and other languages, for English that does not match its text, and for the time."""
MAX_BAND_LIMIT_LOSS_POINTS = 10.0
CASES_PER_KIND = 10
VOICES = 16
LONG_TEXT = "Would anyone like another cup of tea " * 18
SENTENCES = {
    "it": "Il treno parte alle sette di mattina e ho perso il biglietto.",
    "pt": "O trem sai às sete da manhã e eu perdi o meu bilhete.",
    "pl": "Pociąg odjeżdża o siódmej rano, a ja zgubiłem bilet.",
    "tr": "Tren sabah yedide gidiyor ve biletimi kaybettim.",
    "nl": "De trein vertrekt om zeven uur en ik ben mijn kaartje kwijt.",
    "sv": "Tåget går klockan sju på morgonen och jag har tappat min biljett.",
    "fi": "Juna lähtee aamulla kello seitsemän, ja olen hukannut lippuni.",
    "hu": "A vonat reggel hétkor indul, és elvesztettem a jegyemet.",
    "ro": "Trenul pleacă la ora șapte dimineața și mi-am pierdut biletul.",
    "id": "Kereta berangkat jam tujuh pagi dan saya kehilangan tiket.",
    "vi": "Tàu khởi hành lúc bảy giờ sáng và tôi bị mất vé.",
    "sw": "Treni inaondoka saa moja asubuhi na nimepoteza tiketi yangu.",
    "ar": "يغادر القطار في السابعة صباحا وقد فقدت تذكرتي.",
    "ko": "기차는 아침 일곱 시에 떠나고 저는 표를 잃어버렸어요.",
}


@dataclass(frozen=True)
class Case:
    """A recording as floats or a file, and a text. It must be refused or get at most `max_points`."""

    kind: str
    audio: Samples | bytes
    text: str
    max_points: float = MAX_POINTS


@dataclass
class Row:
    """Results of one kind of case."""

    count: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    points: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def add(self, outcome: str | float, seconds: float) -> None:
        self.count += 1
        self.seconds.append(seconds)
        if isinstance(outcome, float):
            self.points.append(outcome)
        else:
            self.outcomes[outcome] += 1

    def __str__(self) -> str:
        points = f"{min(self.points):.0f}-{max(self.points):.0f} ({len(self.points)})" if self.points else ""
        refused = ", ".join(f"{reason} {count}" for reason, count in self.outcomes.most_common())
        return f"{self.count} | {refused} | {points} | {max(self.seconds) * 1000:.0f}"


def read_seed(count: int = VOICES) -> list[tuple[str, Samples]]:
    """Return texts of the catalogue with their recordings."""
    with (SEED / "speeches.csv").open(encoding="utf-8", newline="") as file:
        rows = [*csv.DictReader(file)]
    return [
        (row["text"], read_audio(SEED / "audio" / row["audio_filename"]))
        for row in rows[:: len(rows) // count]
    ]


def read_audio(source: Path | io.BytesIO) -> Samples:
    resampler = av.AudioResampler("flt", "mono", RATE)
    with av.open(source, "r") as container:
        frames = [part for frame in container.decode(audio=0) for part in resampler.resample(frame)]
    parts = [frame.to_ndarray()[0] for frame in (*frames, *resampler.resample(None))]
    return np.concatenate(parts).astype(np.float32)


def speak(text: str, language: str) -> Samples:
    command = [str(shutil.which("espeak-ng")), "--stdout", "-v", language]
    spoken = subprocess.run(command, input=text.encode(), capture_output=True, check=True)
    return read_audio(io.BytesIO(spoken.stdout))


def to_wav(samples: Samples) -> bytes:
    """Write a WAV of floats, which can contain NaN."""
    data = samples.astype("<f4").tobytes()
    head = (b"RIFF", 36 + len(data), b"WAVEfmt ", 16, 3, 1, RATE, RATE * 4, 4, 32, b"data", len(data))
    return struct.pack("<4sI8sIHHIIHH4sI", *head) + data


SOUND_MAKERS: dict[str, Callable[[float, Random], Samples]] = {
    "a quiet room": lambda seconds, random: sounds.to_level(random.normal(size=int(seconds * RATE)), -70),
    "white noise": lambda seconds, random: sounds.make_noise(seconds, random, slope=0),
    "pink noise": lambda seconds, random: sounds.make_noise(seconds, random, slope=1),
    "brown noise": lambda seconds, random: sounds.make_noise(seconds, random, slope=2),
    "tones": sounds.make_tone,
    "chirps": sounds.make_chirp,
    "hum": sounds.make_hum,
    "knocks": sounds.make_knocks,
    "music": sounds.make_music,
}


def list_sounds(seed: list[tuple[str, Samples]], random: Random) -> Iterator[Case]:
    for kind, make in SOUND_MAKERS.items():
        for number in range(CASES_PER_KIND):
            yield Case(kind, make(random.uniform(1.5, 8), random), seed[number][0])
    for kind, seconds in (("silence", 3.0), ("a minute of silence", 60.0)):
        yield Case(kind, np.zeros(int(seconds * RATE), np.float32), seed[0][0])
    yield Case("a minute of music", sounds.make_music(60, random), seed[1][0])
    yield Case("a minute of pink noise", sounds.make_noise(60, random, slope=1), seed[2][0])


def list_voices(seed: list[tuple[str, Samples]], random: Random) -> Iterator[Case]:
    texts, voices = [text for text, _ in seed], [voice for _, voice in seed]
    for number in range(CASES_PER_KIND):
        voice, other = voices[number], texts[number - 5]
        start = len(voice) // 2
        yield Case("0.05 s of a voice", voice[start : start + RATE // 20], texts[number])
        yield Case("reversed", voice[::-1].copy(), texts[number], MAX_VOICE_POINTS)
        yield Case("another text", voice, other, MAX_VOICE_POINTS)
        selected = [voices[index] for index in random.choice(len(voices), 6, replace=False)]
        yield Case("babble of 6", sounds.make_babble(selected, random), other)
        yield Case("a sound held for a minute", sounds.hold(voice, 60), texts[number])
        yield Case("126 words for 2 s", voice[: 2 * RATE], LONG_TEXT)
        yield Case("a text of one letter", voice, "AIOBXZQKWE"[number], MAX_VOICE_POINTS)
        yield Case(
            "clipped to square", np.sign(voice).astype(np.float32) * 0.9, texts[number], max_points=100
        )


def list_files(seed: list[tuple[str, Samples]]) -> Iterator[Case]:
    text, voice = seed[0]
    for name, value in (("NaN", np.nan), ("infinity", np.inf)):
        yield Case(f"WAV of {name}", to_wav(np.full(3 * RATE, value, np.float32)), text)
        damaged = voice.copy()
        damaged[::1000] = value
        yield Case(f"a voice with {name}", to_wav(damaged), text, max_points=100)


def list_languages(seed: list[tuple[str, Samples]]) -> Iterator[Case]:
    spoken = [read_audio(path) for path in sorted(LANGUAGES.glob("*.mp3"))]
    if shutil.which("espeak-ng"):
        spoken += [speak(sentence, language) for language, sentence in SENTENCES.items()]
    for number, voice in enumerate(spoken):
        yield Case("other languages", voice, seed[number % len(seed)][0])


async def assess(provider: OfflineProvider, recording: Recording, text: str) -> str | float:
    try:
        result = await provider.assess(recording, text=text, language="en-US")
    except ASSESSMENT_ERRORS as error:
        return str(error.extra.get("reason", error.code))
    return float(result.pronunciation_score or 0)


async def assess_file(provider: OfflineProvider, data: bytes, text: str) -> str | float:
    """Decode, check the quality and score, as the service does."""
    try:
        recording = decode_recording(memoryview(data))
    except SpeechProcessingError as error:
        return str(error.extra.get("reason", error.code))
    return await assess(provider, recording, text)


def to_recording(samples: Samples) -> Recording:
    """Return the samples as a recording, without the service's checks."""
    pcm = (np.clip(samples, -1, 1) * 32767).astype("<i2")
    return Recording(memoryview(pcm).cast("B"), AudioInfo(len(pcm) * 1000 // RATE, RATE, "wav"))


@dataclass
class Report:
    service: defaultdict[str, Row] = field(default_factory=lambda: defaultdict(Row))
    alone: defaultdict[str, Row] = field(default_factory=lambda: defaultdict(Row))
    broken: list[str] = field(default_factory=list)

    async def add(self, provider: OfflineProvider, case: Case) -> None:
        data = case.audio if isinstance(case.audio, bytes) else to_wav(case.audio)
        await self._time(self.service[case.kind], case, assess_file(provider, data, case.text))
        if not isinstance(case.audio, bytes):
            await self._time(
                self.alone[case.kind], case, assess(provider, to_recording(case.audio), case.text)
            )

    async def _time(self, row: Row, case: Case, assessment: Awaitable[str | float]) -> None:
        started = time.perf_counter()
        outcome = await assessment
        row.add(outcome, time.perf_counter() - started)
        is_high = isinstance(outcome, float) and outcome > case.max_points
        if is_high or row.seconds[-1] > MAX_SECONDS:
            self.broken.append(f"{case.kind}: {outcome} after {row.seconds[-1]:.1f} s for {case.text[:40]!r}")

    def __str__(self) -> str:
        lines = ["| recording | n | rejected | points (n) | ms | unchecked: rejected | points (n) | ms |"]
        lines.append("|---|---|---|---|---|---|---|---|")
        for kind, row in self.service.items():
            alone = str(self.alone[kind]).partition(" | ")[2] if kind in self.alone else " |  | "
            lines.append(f"| {kind} | {row} | {alone} |")
        return "\n".join(lines)


async def measure_band_limit_losses(
    provider: OfflineProvider, seed: list[tuple[str, Samples]], report: Report
) -> None:
    """Score correct readings with all frequencies above 4 kHz removed."""
    losses = list[float]()
    for text, voice in seed[:CASES_PER_KIND]:
        full, limited = [
            await assess_file(provider, to_wav(samples), text)
            for samples in (voice, sounds.limit_band(voice, 4000))
        ]
        losses.append(float(full) - float(limited))
    print(
        f"Without frequencies above 4 kHz, {len(losses)} correct readings lose "
        f"{min(losses):.1f} to {max(losses):.1f} points."
    )
    if max(map(abs, losses)) > MAX_BAND_LIMIT_LOSS_POINTS:
        report.broken.append(f"without frequencies above 4 kHz, readings lose {losses}")


async def main() -> int:
    seed, random = read_seed(), np.random.default_rng(1)
    workers = WorkerPool(PROCESS, count=1, timeout_seconds=120, forking=True)
    provider, report = OfflineProvider(workers), Report()
    await provider.start()
    try:
        while not workers.is_ready:  # noqa: ASYNC110 - another process's work
            await asyncio.sleep(0.1)
        for case in (
            *list_sounds(seed, random),
            *list_voices(seed, random),
            *list_files(seed),
            *list_languages(seed),
        ):
            await report.add(provider, case)
        print(report)
        await measure_band_limit_losses(provider, seed, report)
    finally:
        await provider.close()
    print("\n".join(report.broken) or "All bounds hold.")
    return 1 if report.broken else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
