"""Labels the corpus with phonemes, and trains each phone head on half of the speakers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scoring.providers.offline.aligner import align
from scoring.providers.offline.encoder import Encoding, Floats
from scoring.providers.offline.phone_head import PhoneHead
from scoring.providers.offline.transcript import to_transcript

from training.corpus import Corpus, halve_speakers
from training.first_labels import (
    MIN_GOOD_SCORE,
    UNKNOWN,
    Labels,
    label_frames,
    measure_log_frequencies,
    to_labels,
)
from training.phone_head import train_head

FIRST_EPOCHS = 4


@dataclass(frozen=True)
class CrossFittedHeads:
    """Each head was trained on half of the speakers. `halves` has the head that never saw an utterance."""

    heads: tuple[PhoneHead, PhoneHead]
    log_priors: Floats
    halves: NDArray[np.int64]

    def compute_log_posteriors(self, utterance: int, inner: Floats) -> Floats:
        """Return the log posteriors of the head that was not trained on the speaker."""
        return self.heads[self.halves[utterance]].compute_log_posteriors(inner.astype(np.float32))


def train_heads(corpus: Corpus, encodings: Sequence[Encoding]) -> CrossFittedHeads:
    encoded = [encoding.inner for encoding in encodings]
    labels = label_frames(corpus, [len(frames) for frames in encoded])
    heads = _train_both_halves(corpus, encoded, labels, epochs=FIRST_EPOCHS)
    labels = _relabel(corpus, encoded, heads)
    return _train_both_halves(corpus, encoded, labels)


def _train_both_halves(
    corpus: Corpus, encoded: Sequence[Floats], labels: Sequence[Labels], **options: int
) -> CrossFittedHeads:
    halves = halve_speakers(corpus)
    others = [np.flatnonzero(halves != held_out_half).tolist() for held_out_half in (0, 1)]
    first, second = (
        train_head(
            [encoded[index] for index in indices],
            [labels[index] for index in indices],
            seed=held_out_half,
            **options,
        )
        for held_out_half, indices in enumerate(others)
    )
    return CrossFittedHeads((first, second), measure_log_frequencies(labels), halves)


def _relabel(corpus: Corpus, encoded: Sequence[Floats], heads: CrossFittedHeads) -> list[Labels]:
    labels = []
    for index, utterance in enumerate(corpus.utterances):
        posteriors = heads.compute_log_posteriors(index, encoded[index])
        alignment = align(posteriors, to_transcript(corpus.list_rated_words(utterance)), heads.log_priors)
        if alignment is None:
            labels.append(np.full(len(posteriors), UNKNOWN))
            continue
        segments = alignment.segments
        is_good = np.ones(len(segments), bool)
        is_good[segments.spoken] = ~(np.array(utterance.phoneme_scores) < MIN_GOOD_SCORE)
        labels.append(np.where(np.repeat(is_good, segments.frames), to_labels(segments), UNKNOWN))
    return labels
