"""Makes examples beyond the corpus: wrong, substituted or added words, cut audio, other sounds, degraded
recordings, and single words.

Their target scores follow from the changes. The corpus alone has only people who read the text they were
shown.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scoring.providers.offline.aligner import Segments
from scoring.providers.offline.encoder import SAMPLE_RATE, SAMPLES_PER_FRAME, Encoder, Encoding, Floats
from scoring.providers.offline.lexicon import Lexicon
from scoring.providers.offline.transcript import Word

from training.alignment import CrossFittedHeads
from training.corpus import Corpus, Utterance
from training.distortions import DISTORTIONS, SOUNDS
from training.examples import Matcher, Source, Targets

WRONG_PHONEME, WRONG_WORD = 0.15, 0.5
WRONG_TEXT, NO_TEXT = (0.5, 1.5, 1.5, 0.5, 0.0), (0.5, 1.0, 1.0, 0.5, 0.0)
"""Overall scores (5,) of clear speech with other words, and of sounds that are no words."""
SUBSTITUTE, ADD = "substituted", "added"
BABBLE_VOICES, BABBLE_LEVEL, TINY = 5, 0.05, 1e-6
MARGIN_FRAMES = 3
UNKNOWN = np.empty(0)
"""Placeholder for phoneme scores, which `_match` fills in."""


@dataclass(frozen=True)
class Counts:
    """The number of examples of each kind."""

    wrong: int = 350
    substituted: int = 300
    added: int = 150
    cut: int = 100
    sounds: int = 130
    babble: int = 60
    reversed: int = 50
    degraded: int = 550
    single: int = 500


@dataclass(frozen=True)
class Augmenter:
    corpus: Corpus
    encodings: Sequence[Encoding]
    sources: Sequence[Source]
    heads: CrossFittedHeads
    matcher: Matcher
    encoder: Encoder
    lexicon: Lexicon
    random: np.random.Generator

    def make(self, counts: Counts) -> list[Source]:
        examples = [
            *map(self._pair_wrong, self._choose(counts.wrong)),
            *(self._edit(index, SUBSTITUTE) for index in self._choose(counts.substituted)),
            *(self._edit(index, ADD) for index in self._choose(counts.added)),
            *map(self._cut, self._choose(counts.cut, min_words=4)),
            *(self._make_sound(number) for number in range(counts.sounds)),
            *map(self._make_babble, self._choose(counts.babble)),
            *map(self._reverse, self._choose(counts.reversed)),
            *(self._degrade(index, number) for number, index in enumerate(self._choose(counts.degraded))),
            *map(self._cut_single, self._choose(counts.single, min_words=2)),
        ]
        return [source for source in examples if source is not None]

    def _choose(self, count: int, *, min_words: int = 1) -> Iterator[int]:
        fitting = [index for index in self._known if len(self.corpus.utterances[index].words) >= min_words]
        yield from map(int, self.random.choice(fitting, min(count, len(fitting)), replace=False))

    @cached_property
    def _known(self) -> list[int]:
        """Return the utterances whose words are all in the dictionary."""
        words = {word.text for utterance in self.corpus.utterances for word in utterance.words}
        known_words = {word for word in words if self.lexicon.find(word)}
        return [
            index
            for index, utterance in enumerate(self.corpus.utterances)
            if all(word.text in known_words for word in utterance.words)
        ]

    def _list_words(self, utterance: Utterance) -> tuple[Word, ...]:
        return self.corpus.list_spoken_words(utterance, self.lexicon)

    def _pair_wrong(self, index: int) -> Source | None:
        """Pair a recording with a text of about the same length."""
        current = self.corpus.utterances[index]
        count = len(current.words) + int(self.random.integers(-1, 3))
        texts = [utterance for utterance in self.corpus.utterances if len(utterance.words) == count] or [
            current
        ]
        words = self._list_words(texts[int(self.random.integers(0, len(texts)))])
        if [word.text for word in words] == [word.text for word in current.words]:
            return None
        return self._match(index, "wrong", words, _build_wrong_targets(len(words), WRONG_TEXT))

    def _edit(self, index: int, kind: str) -> Source | None:
        """Put a random word into the text, in place of a spoken one or between two."""
        utterance = self.corpus.utterances[index]
        vocabulary = self._list_words(self.corpus.utterances[next(self._choose(1))])
        new = vocabulary[int(self.random.integers(0, len(vocabulary)))]
        words, targets = list(self._list_words(utterance)), self.sources[index].targets
        position = int(self.random.integers(0, len(words)))
        if kind == SUBSTITUTE and words[position].text == new.text:
            return None
        words[position : position + (kind == SUBSTITUTE)] = [new]
        scores = list(targets.words)
        scores[position : position + (kind == SUBSTITUTE)] = [WRONG_WORD]
        share = 1 / len(words)
        overall = targets.overall * np.array([1 - share, 1, 1, 1 - share, 1 - share])
        changed = Targets(UNKNOWN, np.array(scores, np.float32), overall)
        return self._match(index, kind, tuple(words), changed, wrong_words=[position])

    def _cut(self, index: int) -> Source | None:
        """Remove the end of a recording."""
        utterance, source = self.corpus.utterances[index], self.sources[index]
        spoken = int(self.random.integers(2, len(utterance.words)))
        segments = source.rated.alignment.segments
        end = int(segments.starts[segments.words == spoken][0]) * SAMPLES_PER_FRAME + SAMPLES_PER_FRAME
        share = spoken / len(utterance.words)
        scores = np.where(np.arange(len(utterance.words)) < spoken, source.targets.words, WRONG_WORD)
        overall = source.targets.overall * np.array([share, 1, 1, share, share])
        missing = range(spoken, len(utterance.words))
        targets = Targets(UNKNOWN, scores.astype(np.float32), overall)
        encoded = self._encode(index, utterance.read_samples()[:end])
        return self._match(
            index,
            "cut",
            self.corpus.list_rated_words(utterance),
            targets,
            encoded=encoded,
            wrong_words=missing,
        )

    def _make_sound(self, number: int) -> Source | None:
        index = next(self._choose(1))
        words = self._list_words(self.corpus.utterances[index])
        count = int(SAMPLE_RATE * self.random.uniform(1.5, 6))
        encoded = self._encode(index, SOUNDS[number % len(SOUNDS)](count, self.random))
        targets = Targets(UNKNOWN, np.zeros(len(words), np.float32), np.zeros(5, np.float32))
        return self._match(index, "sound", words, targets, encoded=encoded, wrong_score=0.0)

    def _make_babble(self, index: int) -> Source | None:
        """Mix voices that read other texts."""
        voices = [self.corpus.utterances[other].read_samples() for other in self._choose(BABBLE_VOICES)]
        length = len(self.corpus.utterances[index].read_samples())
        mixed = sum(np.resize(voice / (voice.std() + TINY), length) for voice in voices)
        words = self._list_words(self.corpus.utterances[index])
        targets = _build_wrong_targets(len(words), NO_TEXT)
        encoded = self._encode(index, np.asarray(mixed * BABBLE_LEVEL, np.float32))
        return self._match(index, "babble", words, targets, encoded=encoded)

    def _cut_single(self, index: int) -> Source | None:
        """Cut one word out of a sentence: texts of one word are rare in the corpus."""
        utterance, source = self.corpus.utterances[index], self.sources[index]
        position = int(self.random.integers(0, len(utterance.words)))
        segments, word = source.rated.alignment.segments, utterance.words[position]
        inside = segments.words == position
        start = max(0, int(segments.starts[inside][0]) - MARGIN_FRAMES) * SAMPLES_PER_FRAME
        end = (int(segments.ends[inside][-1]) + MARGIN_FRAMES) * SAMPLES_PER_FRAME
        encoded = self._encode(index, utterance.read_samples()[start:end])
        matched = self.matcher.match(*encoded, (self.corpus.list_rated_words(utterance)[position],))
        if matched is None:
            return None
        _, fluency, prosody, _, _ = source.targets.overall
        targets = Targets(
            np.array(word.known_phoneme_scores, np.float32),
            np.array([word.score], np.float32),
            np.array([word.score, fluency, prosody, word.total, 10], np.float32),
            np.array([[word.stress, word.total]], np.float32),
        )
        return Source(utterance.speaker, utterance.age, "single", targets, matched, matched)

    def _reverse(self, index: int) -> Source | None:
        utterance = self.corpus.utterances[index]
        targets = _build_wrong_targets(len(utterance.words), NO_TEXT)
        encoded = self._encode(index, utterance.read_samples()[::-1].copy())
        return self._match(index, "reversed", self._list_words(utterance), targets, encoded=encoded)

    def _degrade(self, index: int, number: int) -> Source | None:
        utterance = self.corpus.utterances[index]
        spoiled = DISTORTIONS[number % len(DISTORTIONS)](utterance.read_samples(), self.random)
        encoded = self._encode(index, spoiled)
        words, targets = self.corpus.list_rated_words(utterance), self.sources[index].targets
        return self._match(index, "degraded", words, targets, encoded=encoded, wrong_words=[])

    def _encode(self, index: int, samples: Floats) -> tuple[Encoding, Floats]:
        encoding = self.encoder.encode(samples)
        return encoding, self.heads.compute_log_posteriors(index, encoding.inner)

    def _match(
        self,
        index: int,
        kind: str,
        words: tuple[Word, ...],
        targets: Targets,
        *,
        encoded: tuple[Encoding, Floats] | None = None,
        wrong_words: Sequence[int] | None = None,
        wrong_score: float = WRONG_PHONEME,
    ) -> Source | None:
        """Align words to a recording. Those of `wrong_words`, or all, are wrong, the others as rated."""
        encoding = self.encodings[index]
        encoded = encoded or (encoding, self.heads.compute_log_posteriors(index, encoding.inner))
        matched = self.matcher.match(*encoded, words)
        if matched is None:
            return None
        utterance = self.corpus.utterances[index]
        segments = matched.alignment.segments
        if wrong_words is None:
            phonemes: Floats = np.full(int(segments.spoken.sum()), wrong_score, np.float32)
        else:
            phonemes = _build_phoneme_targets(segments, utterance, words, wrong_words)
        targets = replace(targets, phonemes=phonemes)
        return Source(utterance.speaker, utterance.age, kind, targets, matched, matched)


def _build_phoneme_targets(
    segments: Segments, utterance: Utterance, words: Sequence[Word], wrong: Sequence[int]
) -> Floats:
    """Use the raters' scores for unchanged words; scores of words with another pronunciation are NaN."""
    rated = iter(utterance.words)
    has_all_words = len(words) == len(utterance.words)
    scores: dict[int, Sequence[float]] = {}
    for index, word in enumerate(words):
        same = None if index in wrong and not has_all_words else next(rated)
        if index not in wrong and same is not None and word.pronunciations == (same.phonemes,):
            scores[index] = same.known_phoneme_scores
    spoken_words, positions = segments.words[segments.spoken], segments.positions[segments.spoken]
    rated_phonemes = [
        WRONG_PHONEME if word in wrong else scores[word][position] if word in scores else np.nan
        for word, position in zip(spoken_words, positions, strict=True)
    ]
    return np.array(rated_phonemes, np.float32)


def _build_wrong_targets(words: int, overall: tuple[float, ...]) -> Targets:
    return Targets(UNKNOWN, np.full(words, WRONG_WORD, np.float32), np.array(overall, np.float32))
