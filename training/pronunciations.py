"""Trains the model that pronounces unknown words on the dictionary (Bisani and Ney 2008), in a minute.

python -m training.pronunciations            writes data/pronunciations.npz
python -m training.pronunciations evaluate   trains without every 20th word, and tests on these words
"""

import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scoring.providers.offline.joint_model import (
    BITS,
    END,
    FIRST_GRAPHONE,
    NATS_PER_STEP,
    START,
    Keys,
    from_arrays,
)
from scoring.providers.offline.lexicon import Lexicon, load_lexicon
from scoring.providers.offline.transcript import Pronunciation
from scoring.text.words import is_english

from training.arrays import FOLDER, Arrays, write_arrays

TARGET = FOLDER / "pronunciations.npz"
ORDER = 7
"""The units of an n-gram fit into 63 bits of a key."""
MIN_COUNTS = (0, 1, 1, 1, 1, 2, 2)
"""Minimum counts by order; rarer n-grams are dropped."""
DISCOUNT = 0.9
ROUNDS = 4
MAX_PHONEMES_OF_LETTER = 2
MIN_GRAPHONE_COUNT = 8
UNSEEN_LOG_PROBABILITY = -9.0
"""The initial score of a letter with two phonemes: these are rare, and used only for a surplus phoneme."""
HELD_OUT_INTERVAL = 20

type Graphone = tuple[str, Pronunciation]
type Entry = tuple[str, Pronunciation]
type Probabilities = NDArray[np.float64]


def list_entries(lexicon: Lexicon) -> list[Entry]:
    """Return each word with each of its pronunciations, without words that are read as letters."""
    return [
        (word, sounds)
        for word in lexicon.list_words()
        if len(word) > 1 and is_english(word) and set(word) & set("aeiouy")
        for sounds in lexicon.find(word)
    ]


def align(entries: Sequence[Entry]) -> list[list[Graphone]]:
    """Assign phonemes to each letter by Viterbi training; the first counts assume proportional positions."""
    scores = _score(_count_in_proportion(entries))
    for _ in range(ROUNDS):
        aligned = [_find_best(word, sounds, scores) for word, sounds in entries]
        scores = _score(Counter(unit for units in aligned for unit in units))
    return [_find_best(word, sounds, scores) for word, sounds in entries]


def _count_in_proportion(entries: Sequence[Entry]) -> Counter[Graphone]:
    counts: Counter[Graphone] = Counter()
    for word, sounds in entries:
        for index, letter in enumerate(word):
            middle = round(index * len(sounds) / len(word))
            for sound in sounds[max(middle - 1, 0) : middle + 2]:
                counts[letter, (sound,)] += 1
        for letter in word:
            counts[letter, ()] += 1
    return counts


def _score(counts: Counter[Graphone]) -> dict[Graphone, float]:
    letters: Counter[str] = Counter()
    for (letter, _), count in counts.items():
        letters[letter] += count
    return {unit: float(np.log(count / letters[unit[0]])) for unit, count in counts.items()}


def _find_best(word: str, sounds: Pronunciation, scores: Mapping[Graphone, float]) -> list[Graphone]:
    best = [0.0] + [-1e9] * len(sounds)
    steps = list[list[int]]()
    for letter in word:
        new_scores, step = [-1e9] * len(best), [0] * len(best)
        for end in range(len(best)):
            for size in range(min(MAX_PHONEMES_OF_LETTER, end) + 1):
                unit = scores.get((letter, sounds[end - size : end]), UNSEEN_LOG_PROBABILITY)
                score = best[end - size] + unit
                if score > new_scores[end]:
                    new_scores[end], step[end] = score, size
        best = new_scores
        steps.append(step)
    units, end = list[Graphone](), len(sounds)
    for letter, step in zip(reversed(word), reversed(steps), strict=True):
        units.append((letter, sounds[end - step[end] : end]))
        end -= step[end]
    return units[::-1]


def train(entries: Sequence[Entry]) -> Arrays:
    """Return the arrays that `joint_model.from_arrays` reads."""
    fitting = [(word, sounds) for word, sounds in entries if len(sounds) <= 2 * len(word)]
    aligned = align(fitting)
    counts = Counter(unit for units in aligned for unit in units)
    graphones = sorted(unit for unit, count in counts.items() if count >= MIN_GRAPHONE_COUNT)
    numbers = {unit: number + FIRST_GRAPHONE for number, unit in enumerate(graphones)}
    if len(graphones) + FIRST_GRAPHONE > 1 << BITS:
        raise SystemExit(f"{len(graphones)} graphones do not fit into {BITS} bits.")
    texts = [[numbers[unit] for unit in units] for units in aligned if all(unit in numbers for unit in units)]
    arrays = _estimate(_list_ngrams(texts), len(graphones) + FIRST_GRAPHONE)
    arrays["letters"] = np.frombuffer("".join(letter for letter, _ in graphones).encode(), np.uint8)
    arrays["sounds"] = np.array([[*sounds, 0, 0][:2] for _, sounds in graphones], np.uint8)
    return arrays


def _list_ngrams(texts: Sequence[Sequence[int]]) -> Keys:
    """Return the key of the longest n-gram that ends at each unit."""
    mask, keys = (1 << BITS * ORDER) - 1, list[int]()
    for text in texts:
        key = START
        for unit in (*text, END):
            key = ((key << BITS) | unit) & mask
            keys.append(key)
    return np.array(keys, np.int64)


def _estimate(longest: Keys, units: int) -> Arrays:
    """Interpolate the orders by Kneser-Ney: a shorter n-gram counts the longer ones that contain it."""
    tables = list[tuple[Keys, Keys]]()
    keys, counts = np.unique(longest, return_counts=True)
    for size in range(ORDER, 1, -1):
        tables.insert(0, (keys, counts))
        keys, counts = _shorten(keys, counts, size - 1)
    single = np.bincount(keys, counts, units).astype(np.int64)
    model = BackoffModel(units)
    for size, (keys, counts) in enumerate([(np.arange(units), single), *tables], 1):
        model.add_order(keys, counts, MIN_COUNTS[size - 1])
    return model.to_arrays()


def _shorten(keys: Keys, counts: Keys, size: int) -> tuple[Keys, Keys]:
    """Count the distinct units before each n-gram. N-grams at the start of a word keep their counts."""
    shorter, indices = np.unique(keys & _mask(size), return_inverse=True)
    from_start = shorter[indices] >> BITS * (size - 1) == START
    return shorter, np.bincount(indices, np.where(from_start, counts, 1)).astype(np.int64)


def _mask(size: int) -> int:
    return (1 << BITS * size) - 1


class BackoffModel:
    """The probabilities of n-grams, estimated from the shortest order to the longest."""

    def __init__(self, units: int) -> None:
        self.units = units
        self.keys, self.probabilities = list[Keys](), list[Probabilities]()
        self.backoffs = list[Probabilities]()

    def add_order(self, keys: Keys, counts: Keys, min_count: int) -> None:
        """Estimate the next order. The probability of dropped n-grams goes to shorter ones, in proportion."""
        if self.keys:
            # The start of a word is only a context; no n-gram ends with it.
            keys, counts = np.append(0, keys), np.append(0, counts)
        contexts, indices = np.unique(keys >> BITS, return_inverse=True)
        totals, kinds = np.bincount(indices, counts), np.bincount(indices, counts > 0)
        below = self.look_up_shorter(keys)
        freed = DISCOUNT * kinds / totals
        probabilities = np.maximum(counts - DISCOUNT, 0) / totals[indices] + freed[indices] * below
        is_kept = (counts >= min_count) | (keys == 0)
        if self.keys:
            context_indices, is_known = _look_up(self.keys[-1], contexts)
            is_kept &= is_known[indices]
        left, left_below = (
            1 - np.bincount(indices[is_kept], shares[is_kept], len(contexts))
            for shares in (probabilities, below)
        )
        if self.keys:
            weights = np.maximum(left, 1e-6) / np.maximum(left_below, 1e-6)
            self.backoffs[-1][context_indices[is_known]] = weights[is_known]
        self.keys.append(keys[is_kept])
        self.probabilities.append(probabilities[is_kept])
        self.backoffs.append(np.ones(int(is_kept.sum())))

    def look_up_shorter(self, keys: Keys) -> Probabilities:
        """Estimate the probability of the last unit of n-grams of the next order from shorter ones."""
        probabilities = np.full(len(keys), 1 / self.units)
        open_, weight = np.ones(len(keys), bool), np.ones(len(keys))
        for size in range(len(self.keys), 0, -1):
            indices, is_known = _look_up(self.keys[size - 1], keys & _mask(size))
            probabilities = np.where(
                open_ & is_known, weight * self.probabilities[size - 1][indices], probabilities
            )
            open_ &= ~is_known
            if size > 1:
                indices, is_known = _look_up(self.keys[size - 2], (keys >> BITS) & _mask(size - 1))
                weight = weight * np.where(is_known, self.backoffs[size - 2][indices], 1)
        return probabilities

    def to_arrays(self) -> Arrays:
        arrays: Arrays = {}
        for size, keys in enumerate(self.keys, 1):
            arrays[f"keys/{size}"] = np.diff(keys, prepend=0)
            arrays[f"scores/{size}"] = _to_bytes(self.probabilities[size - 1])
            arrays[f"backoffs/{size}"] = _to_bytes(self.backoffs[size - 1])
        return arrays


def _look_up(keys: Keys, searched: Keys) -> tuple[Keys, NDArray[np.bool_]]:
    indices = np.minimum(np.searchsorted(keys, searched), len(keys) - 1)
    return indices, keys[indices] == searched


def _to_bytes(probabilities: Probabilities) -> NDArray[np.uint8]:
    steps = np.round(-np.log(np.maximum(probabilities, 1e-9)) / NATS_PER_STEP)
    return np.clip(steps, 0, 255).astype(np.uint8)


def evaluate(entries: Sequence[Entry]) -> str:
    """Return the share of held-out words that are pronounced as in the dictionary."""
    words = sorted({word for word, _ in entries})
    apart = set(words[::HELD_OUT_INTERVAL])
    arrays = train([entry for entry in entries if entry[0] not in apart])
    model, right = from_arrays(arrays), np.zeros(2)
    expected: dict[str, set[Pronunciation]] = {word: set() for word in apart}
    for word, sounds in entries:
        if word in apart:
            expected[word].add(sounds)
    started = time.process_time()
    for word, expected_pronunciations in expected.items():
        actual = model.pronounce(word)
        right += [actual[0] in expected_pronunciations, not expected_pronunciations.isdisjoint(actual)]
    milliseconds = (time.process_time() - started) / len(expected) * 1000
    best, among_three = right / len(expected)
    return (
        f"{len(expected)} words: best {best:.3f}, among three {among_three:.3f}, {milliseconds:.1f} ms each"
    )


def main(*, is_evaluation: bool) -> None:
    entries = list_entries(load_lexicon())
    if is_evaluation:
        print(evaluate(entries))
    else:
        write_arrays(TARGET, train(entries))


if __name__ == "__main__":
    main(is_evaluation=sys.argv[1:] == ["evaluate"])
