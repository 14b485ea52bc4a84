"""The service's messages about a recording.

The shapes are those of the Speech service. The scores are invented, from the words and not from the audio.
"""

import difflib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from zlib import crc32

TICKS_PER_SECOND = 10_000_000
"""The service counts time in units of 100 ns."""

SYMBOLS = {
    "a": ("æ", "ae"), "b": ("b", "b"), "c": ("k", "k"), "d": ("d", "d"), "e": ("ɛ", "eh"), "f": ("f", "f"),
    "g": ("g", "g"), "h": ("h", "h"), "i": ("i", "iy"), "j": ("dʒ", "jh"), "k": ("k", "k"), "l": ("l", "l"),
    "m": ("m", "m"), "n": ("n", "n"), "o": ("oʊ", "ow"), "p": ("p", "p"), "q": ("k", "k"), "r": ("ɹ", "r"),
    "s": ("s", "s"), "t": ("t", "t"), "u": ("ʌ", "ah"), "v": ("v", "v"), "w": ("w", "w"), "x": ("z", "z"),
    "y": ("j", "y"), "z": ("z", "z"),
}  # fmt: skip
"""A sound for each letter, in IPA and in SAPI's alphabet. No rules of spelling: plausible, not right."""

type Json = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """The request of a turn, from its speech.context."""

    language: str
    is_continuous: bool
    assessment: Mapping[str, Any]
    skipped_ticks: int
    """Where the audio of this turn begins in that of the recognition, after a reconnect."""

    @classmethod
    def from_context(cls, context: Mapping[str, Any]) -> "Request":
        detection = context["phraseDetection"]
        streams = context.get("continuation", {}).get("audio", {}).get("streams", {})
        return cls(
            language=detection["language"],
            is_continuous=detection["mode"] == "CONVERSATION",
            assessment=detection["enrichment"]["pronunciationAssessment"],
            skipped_ticks=int(streams.get("1", {}).get("offset", 0)),
        )

    @property
    def reference_words(self) -> list[str]:
        return to_words(self.assessment["referenceText"])

    @property
    def has_names(self) -> bool:
        """Whether phonemes and syllables have names: elsewhere they are empty strings."""
        return self.language == "en-US"

    @property
    def has_prosody(self) -> bool:
        return bool(self.assessment.get("enableProsodyAssessment")) and self.language == "en-US"

    @property
    def marks_miscues(self) -> bool:
        """Whether omissions and insertions are marked: never in continuous recognition."""
        return bool(self.assessment.get("enableMiscue")) and not self.is_continuous


@dataclass(frozen=True)
class SpokenWord:
    """A word, and the time in ticks at which it was spoken. An omission has no time."""

    text: str
    error_type: str
    offset: int = 0
    duration: int = 0

    @property
    def score(self) -> float:
        base = 31 if self.error_type == "Mispronunciation" else 80
        return base + crc32(self.text.encode()) % 190 / 10


def to_words(text: str) -> list[str]:
    """Split a text as the service does: in lower case, with apostrophes, without other punctuation."""
    return re.findall(r"\w+(?:['’]\w+)*", text.lower())  # noqa: RUF001 - it is a letter of words


def mark_words(
    request: Request, transcript: Sequence[str], *, weak: Collection[str]
) -> list[tuple[str, str]]:
    """Return the spoken words and, if miscues are marked, the omitted ones, with their ErrorType."""
    if not request.marks_miscues:
        return [(word, _find_error_type(word, weak)) for word in transcript]
    return list(_mark_miscues(request.reference_words, transcript, weak))


def _mark_miscues(
    reference: Sequence[str], transcript: Sequence[str], weak: Collection[str]
) -> Iterator[tuple[str, str]]:
    matcher = difflib.SequenceMatcher(a=reference, b=transcript, autojunk=False)
    for kind, start, end, said_start, said_end in matcher.get_opcodes():
        if kind == "equal":
            yield from ((word, _find_error_type(word, weak)) for word in reference[start:end])
        else:
            yield from ((word, "Omission") for word in reference[start:end])
            yield from ((word, "Insertion") for word in transcript[said_start:said_end])


def _find_error_type(word: str, weak: Collection[str]) -> str:
    return "Mispronunciation" if word in weak else "None"


def time_words(marked: Sequence[tuple[str, str]], *, start: int, end: int) -> list[SpokenWord]:
    """Spread the spoken words over a stretch, each as long as it has letters."""
    letter_count = sum(len(word) for word, error in marked if error != "Omission") or 1
    words, position = list[SpokenWord](), 0
    for word, error in marked:
        if error == "Omission":
            words.append(SpokenWord(word, error))
            continue
        offset = start + (end - start) * position // letter_count
        position += len(word)
        words.append(
            SpokenWord(word, error, offset, start + (end - start) * position // letter_count - offset)
        )
    return words


def make_phrase(request: Request, words: Sequence[SpokenWord], *, start: int, end: int) -> Json:
    """Return the speech.phrase of a stretch of audio."""
    spoken = [word for word in words if word.error_type != "Omission"]
    text = " ".join(word.text for word in spoken)
    best = {
        "Confidence": 0.97,
        "Lexical": text,
        "ITN": text,
        "MaskedITN": text,
        "Display": f"{text.capitalize()}.",
        "PronunciationAssessment": _score_phrase(request, words),
        "Words": [_describe_word(request, word) for word in words],
    }
    return make_status("Success", start, end) | {"DisplayText": best["Display"], "SNR": 32.7, "NBest": [best]}


def make_status(status: str, start: int = 0, end: int = 0) -> Json:
    """Return a speech.phrase without a result."""
    return {
        "Id": f"{crc32(status.encode()):032x}",
        "RecognitionStatus": status,
        "Offset": start,
        "Duration": end - start,
        "Channel": 0,
    }


def _score_phrase(request: Request, words: Sequence[SpokenWord]) -> Json:
    expected = [word for word in words if word.error_type != "Insertion"]
    right = [word for word in expected if word.error_type != "Omission"]
    accuracy = sum(word.score for word in right) / (len(expected) or 1)
    scores = {
        "AccuracyScore": round(accuracy, 1),
        "FluencyScore": 92.0,
        "CompletenessScore": round(100 * len(right) / (len(expected) or 1), 1),
    }
    if request.has_prosody:
        scores["ProsodyScore"] = 81.5
    weakest = min(scores.values())
    other_scores = [score for score in scores.values() if score != weakest] or [weakest]
    return {**scores, "PronScore": round(0.4 * weakest + 0.6 * sum(other_scores) / len(other_scores), 1)}


def _describe_word(request: Request, word: SpokenWord) -> Json:
    if word.error_type == "Omission":
        return {"Word": word.text, "PronunciationAssessment": {"ErrorType": "Omission"}}
    assessment: Json = {"AccuracyScore": round(word.score, 1), "ErrorType": word.error_type}
    if request.has_prosody:
        assessment["Feedback"] = {"Prosody": _describe_prosody()}
    syllable = _time("Syllable", word.text if request.has_names else "", word.offset, word.duration, word)
    return {
        "Word": word.text,
        "Offset": word.offset,
        "Duration": word.duration,
        "PronunciationAssessment": assessment,
        "Syllables": [{**syllable, "Grapheme": word.text}],
        "Phonemes": list(_describe_phonemes(request, word)),
    }


def _describe_prosody() -> Json:
    return {
        "Break": {"ErrorTypes": ["None"], "BreakLength": 0},
        "Intonation": {"ErrorTypes": [], "Monotone": {"SyllablePitchDeltaConfidence": 0.31}},
    }


def _describe_phonemes(request: Request, word: SpokenWord) -> Iterator[Json]:
    alphabet = 0 if request.assessment.get("phonemeAlphabet") == "IPA" else 1
    symbols = [SYMBOLS.get(letter, ("ə", "ax"))[alphabet] for letter in word.text if letter.isalnum()]
    edges = [word.offset + word.duration * index // len(symbols) for index in range(len(symbols) + 1)]
    for symbol, (start, end) in zip(symbols, pairwise(edges), strict=True):
        phoneme = _time("Phoneme", symbol if request.has_names else "", start, end - start, word)
        count = request.assessment.get("nbestPhonemeCount", 0)
        if count and request.has_names:
            best = [{"Phoneme": symbol, "Score": 100.0}, {"Phoneme": "ə", "Score": 12.0}][:count]
            phoneme["PronunciationAssessment"]["NBestPhonemes"] = best
        yield phoneme


def _time(kind: str, name: str, offset: int, duration: int, word: SpokenWord) -> Json:
    return {
        kind: name,
        "PronunciationAssessment": {"AccuracyScore": round(word.score, 1)},
        "Offset": offset,
        "Duration": duration,
    }
