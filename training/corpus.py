"""Reads a corpus in the layout of training/README.md: speechocean762 (Zhang 2021, arXiv 2104.01378, CC
BY 4.0).
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from scoring.providers.offline.encoder import SAMPLE_RATE, Floats
from scoring.providers.offline.lexicon import Lexicon
from scoring.providers.offline.phonemes import IDS, to_ids
from scoring.providers.offline.transcript import Pronunciation, Word

OVERALL = ("accuracy", "fluency", "prosodic", "total")
FILES = ("audio", "labels_utterances.tsv", "labels_words.tsv", "utt2spk", "spk2age", "lexicon.txt")


@dataclass(frozen=True)
class RatedWord:
    """Scores 0-10; those of its phonemes 0-2 belong to `phonemes`, the pronunciation that was rated."""

    text: str
    score: float
    stress: float
    total: float
    phonemes: Pronunciation
    phoneme_scores: tuple[float, ...]

    @property
    def known_phoneme_scores(self) -> Sequence[float]:
        """One score for each phoneme; all are NaN in the few words with a wrong number of scores."""
        fits = len(self.phoneme_scores) == len(self.phonemes)
        return self.phoneme_scores if fits else [np.nan] * len(self.phonemes)


@dataclass(frozen=True)
class Utterance:
    """`overall` (4,) 0-10: accuracy, fluency, prosody, total."""

    name: str
    speaker: str
    age: int
    words: tuple[RatedWord, ...]
    overall: Floats
    audio: Path

    @property
    def phoneme_scores(self) -> list[float]:
        """The scores of all phonemes of the rated words in order; unknown ones are NaN."""
        return [score for word in self.words for score in word.known_phoneme_scores]

    def read_samples(self) -> Floats:
        samples, rate = soundfile.read(self.audio, dtype="float32")
        if rate != SAMPLE_RATE:
            raise SystemExit(f"{self.audio} has {rate} samples a second, not {SAMPLE_RATE}.")
        return np.asarray(samples, np.float32)


@dataclass(frozen=True)
class Corpus:
    """`lexicon` has the corpus's pronunciations, for words outside the dictionary."""

    utterances: tuple[Utterance, ...]
    lexicon: dict[str, tuple[Pronunciation, ...]]

    def list_rated_words(self, utterance: Utterance) -> tuple[Word, ...]:
        """Return the words with the one pronunciation that was rated."""
        return tuple(Word(word.text, (word.phonemes,)) for word in utterance.words)

    def list_spoken_words(self, utterance: Utterance, lexicon: Lexicon) -> tuple[Word, ...]:
        """Return the words with all pronunciations of the dictionary, like the service."""
        return tuple(
            Word(word.text, lexicon.find(word.text) or self.lexicon.get(word.text) or (word.phonemes,))
            for word in utterance.words
        )


def load_corpus(folder: Path, split: str) -> Corpus:
    missing = [name for name in FILES if not (folder / name).exists()]
    if missing:
        raise SystemExit(f"The folder {folder} (DATA=) has no {', '.join(missing)}; see training/README.md.")
    speakers, ages = _read_pairs(folder / "utt2spk"), _read_pairs(folder / "spk2age")
    words = _read_words(folder / "labels_words.tsv", split)
    utterances = tuple(
        Utterance(
            row["utt"],
            speakers[row["utt"]],
            int(ages[speakers[row["utt"]]]),
            tuple(words[row["utt"]]),
            np.array([float(row[name]) for name in OVERALL], np.float32),
            folder / "audio" / f"{row['utt']}.flac",
        )
        for row in _read_table(folder / "labels_utterances.tsv")
        if row["split"] == split
    )
    if not utterances:
        raise SystemExit(f"{folder} has no utterances of the split {split!r} (SPLIT=).")
    return Corpus(utterances, _read_lexicon(folder / "lexicon.txt"))


def _read_words(path: Path, split: str) -> dict[str, list[RatedWord]]:
    words: dict[str, list[RatedWord]] = {}
    for row in _read_table(path):
        if row["split"] == split:
            scores = tuple(float(score) for score in row["phone_scores"].split())
            rated = RatedWord(
                row["word"].lower(),
                float(row["accuracy"]),
                float(row["stress"]),
                float(row["total"]),
                _to_phonemes(row["phones"]),
                scores,
            )
            words.setdefault(row["utt"], []).append(rated)
    return words


def _to_phonemes(text: str) -> Pronunciation:
    return to_ids(symbol for symbol in text.split() if symbol.rstrip("0123") in IDS)


def _read_lexicon(path: Path) -> dict[str, tuple[Pronunciation, ...]]:
    lexicon: dict[str, tuple[Pronunciation, ...]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        word, _, spoken = line.replace("\t", " ").partition(" ")
        lexicon[word.lower()] = (*lexicon.get(word.lower(), ()), _to_phonemes(spoken))
    return lexicon


def _read_pairs(path: Path) -> dict[str, str]:
    lines = path.read_text(encoding="utf-8").split("\n")
    return {first: second for first, second in (line.split() for line in lines if line)}


def _read_table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def halve_speakers(corpus: Corpus) -> NDArray[np.int64]:
    """Return 0 or 1 for each utterance, alternating by speaker."""
    return split_speakers([utterance.speaker for utterance in corpus.utterances], 2)


def split_speakers(speakers: Sequence[str], parts: int, *, seed: int | None = None) -> NDArray[np.int64]:
    """Return the part of each utterance. Each speaker is in one part, and the parts have equal numbers."""
    names = sorted(set(speakers))
    order = np.arange(len(names)) if seed is None else np.random.default_rng(seed).permutation(len(names))
    part = {name: int(order[index]) % parts for index, name in enumerate(names)}
    return np.array([part[speaker] for speaker in speakers])
