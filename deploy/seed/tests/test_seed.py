"""The seed is complete: texts fit the CSV import, each has its recording, and every recording decodes."""

import csv
import io
import json
import lzma
import re
from collections import Counter
from functools import cache
from itertools import product
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

SEED = Path(__file__).parents[1]
AUDIO = SEED / "audio"
LEARNER = SEED / "learner"
DICTIONARY = SEED.parents[1] / "services/scoring/scoring/providers/offline/data/cmudict.txt.xz"

LEVELS = ("A1", "A2", "B1", "B2", "C1", "C2")
TYPES = ("question", "answer")

type Row = dict[str, str]


def read_csv(name: str) -> list[Row]:
    with (SEED / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


SPEECHES = read_csv("speeches.csv")
TAGS = read_csv("tags.csv")


def split_words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


def split_tags(speech: Row) -> list[str]:
    return speech["tags"].split(",")


@cache
def decode(path: Path) -> NDArray[np.float64]:
    """Return mono samples, full scale 1.0; fails when the recording is not 16 kHz mono."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=16_000)
    with av.open(io.BytesIO(path.read_bytes()), "r") as container:
        stream = container.streams.audio[0]
        assert (stream.codec_context.channels, stream.codec_context.sample_rate) == (1, 16_000)
        frames = [*container.decode(stream), None]
        chunks = [part.to_ndarray()[0] for frame in frames for part in resampler.resample(frame)]
    return np.concatenate(chunks).astype(np.float64)


def measure_seconds(path: Path) -> float:
    return len(decode(path)) / 16_000


def measure_loudness(path: Path) -> float:
    """Return the root mean square of the whole recording in dBFS."""
    return float(10 * np.log10(np.mean(decode(path) ** 2)))


def read_learner_manifest() -> dict[str, dict[str, str]]:
    manifest: dict[str, dict[str, str]] = json.loads((LEARNER / "learner.json").read_text(encoding="utf-8"))
    return manifest


def test_columns_are_those_of_the_csv_import() -> None:
    assert {tuple(speech) for speech in SPEECHES} == {("audio_filename", "text", "level", "type", "tags")}
    assert {tuple(tag) for tag in TAGS} == {("name", "category")}


def test_every_level_has_enough_speeches_of_both_types() -> None:
    count = Counter((speech["level"], speech["type"]) for speech in SPEECHES)
    assert set(count) == set(product(LEVELS, TYPES))
    assert min(count.values()) >= 10
    assert all(sum(count[level, kind] for kind in TYPES) >= 22 for level in LEVELS)


def test_only_questions_end_in_a_question_mark() -> None:
    assert [s["text"] for s in SPEECHES if s["text"].endswith("?") != (s["type"] == "question")] == []


def test_texts_are_unique_regardless_of_case() -> None:
    assert len({speech["text"].casefold() for speech in SPEECHES}) == len(SPEECHES)


def test_texts_are_plain_sentences_of_3_to_25_words() -> None:
    assert [s["text"] for s in SPEECHES if not re.fullmatch(r"[A-Z][A-Za-z' ,]+[.?]", s["text"])] == []
    assert [s["text"] for s in SPEECHES if not 3 <= len(split_words(s["text"])) <= 25] == []


def test_every_word_is_in_the_pronouncing_dictionary() -> None:
    with lzma.open(DICTIONARY, "rt", encoding="utf-8") as lines:
        dictionary_words = {line.partition(" ")[0] for line in lines}
    spoken = [recording["text_spoken"] for recording in read_learner_manifest().values()]
    texts = [*(speech["text"] for speech in SPEECHES), *spoken]
    assert {word for text in texts for word in split_words(text)} - dictionary_words == set()


def test_tags_are_unique_and_sorted_into_several_categories() -> None:
    names = [tag["name"].casefold() for tag in TAGS]
    assert len(set(names)) == len(names) >= 24
    assert not any("," in name for name in names)
    assert len({tag["category"] for tag in TAGS}) >= 4


def test_speeches_carry_two_to_four_known_tags_and_no_tag_is_rare() -> None:
    assert [s["text"] for s in SPEECHES if not 2 <= len(set(split_tags(s))) == len(split_tags(s)) <= 4] == []
    count = Counter(tag for speech in SPEECHES for tag in split_tags(speech))
    assert set(count) == {tag["name"] for tag in TAGS}
    assert min(count.values()) >= 3


def test_every_row_has_its_own_mp3_and_every_mp3_has_a_row() -> None:
    names = [speech["audio_filename"] for speech in SPEECHES]
    assert sorted(names) == sorted(path.name for path in AUDIO.iterdir())
    assert [n for n in names if not re.fullmatch(r"[a-c][12]-[a-z]+(-[a-z]+)*\.mp3", n)] == []
    assert [s["text"] for s in SPEECHES if not s["audio_filename"].startswith(s["level"].lower())] == []


def test_every_mp3_is_a_short_audible_mono_recording() -> None:
    recordings = sorted(AUDIO.iterdir())
    assert [path.name for path in recordings if not 0.8 <= measure_seconds(path) <= 12] == []
    assert [path.name for path in recordings if not -30 < measure_loudness(path) < -15] == []


def test_the_seed_stays_small() -> None:
    assert sum(path.stat().st_size for folder in (AUDIO, LEARNER) for path in folder.iterdir()) < 5_500_000


def test_the_learner_manifest_names_every_recording_and_a_seed_speech() -> None:
    manifest = read_learner_manifest()
    assert {*manifest, "learner.json"} == {path.name for path in LEARNER.iterdir()}
    easy = {speech["text"] for speech in SPEECHES if speech["level"] in ("A1", "A2", "B1")}
    assert {recording["reference_text"] for recording in manifest.values()} <= easy


def test_the_manifest_describes_the_recordings_of_the_learner() -> None:
    correct, wrong, silent = (
        read_learner_manifest()[n] for n in ("good.wav", "wrong-word.mp3", "silent.m4a")
    )
    assert correct["text_spoken"] == correct["reference_text"]
    missing = set(split_words(wrong["reference_text"])) - set(split_words(wrong["text_spoken"]))
    assert missing == {wrong["wrong_word"]}
    assert silent["text_spoken"] == ""


@pytest.mark.parametrize("name", ["good.wav", "wrong-word.mp3"])
def test_the_learner_is_audible(name: str) -> None:
    assert 0.8 <= measure_seconds(LEARNER / name) <= 12
    assert -30 < measure_loudness(LEARNER / name) < -15


def test_the_silent_recording_is_silent_but_not_empty() -> None:
    assert 2.5 <= measure_seconds(LEARNER / "silent.m4a") <= 3.5
    assert -90 < measure_loudness(LEARNER / "silent.m4a") < -60
