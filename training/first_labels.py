"""Labels the frames of a corpus with phonemes for the first time, with pocketsphinx's acoustic model.

A flat start from the texts alone was tried, but drifts: 43 % of its labels agree with these, and the
phonemes' scores then correlate with the raters' at .695 instead of .745 (trees alone).
"""

from collections.abc import Sequence
from itertools import repeat

import numpy as np
from numpy.typing import NDArray
from pocketsphinx import Decoder
from scoring.providers.offline.aligner import Segments
from scoring.providers.offline.encoder import SAMPLES_PER_FRAME, Floats
from scoring.providers.offline.phonemes import IDS, SILENCE, SYMBOLS
from scoring.providers.offline.transcript import Pronunciation

from training.corpus import Corpus, Utterance
from training.processes import PROCESSES, create_processes

PHONEMES = len(SYMBOLS)
UNKNOWN = -1
MIN_GOOD_SCORE = 1.4
"""A phoneme with a lower score (of 2) may be another one, and is not used for training."""

SAMPLES_PER_STEP = 160
CENTER, STEP_CENTER = 475, 205
"""Samples from the start of a frame, and of a step of the acoustic model, to its centre."""
BEAM = 1e-160
"""With the default beams, one in five halting readings cannot be aligned."""

type Labels = NDArray[np.int64]


def label_frames(corpus: Corpus, lengths: Sequence[int]) -> list[Labels]:
    """Return the labels of each utterance; `lengths` are in frames."""
    parts = range(PROCESSES)
    with create_processes() as processes:
        labels_by_part = list(processes.map(_label_part, repeat(corpus), repeat(lengths), parts))
    return [labels_by_part[index % PROCESSES][index // PROCESSES] for index in range(len(lengths))]


def _label_part(corpus: Corpus, lengths: Sequence[int], part: int) -> list[Labels]:
    aligner, part_slice = PocketsphinxAligner(), slice(part, None, PROCESSES)
    return [
        aligner.label(*utterance)
        for utterance in zip(corpus.utterances[part_slice], lengths[part_slice], strict=True)
    ]


class PocketsphinxAligner:
    def __init__(self) -> None:
        self._decoder = Decoder(
            lm=None, bestpath=False, beam=BEAM, wbeam=BEAM, pbeam=BEAM, compallsen=True, loglevel="FATAL"
        )
        self._known = set[str]()

    def label(self, utterance: Utterance, length: int) -> Labels:
        scores = iter(utterance.phoneme_scores)
        names = [self._learn(word.phonemes) for word in utterance.words]
        samples = np.clip(utterance.read_samples(), -1, 1) * np.iinfo(np.int16).max
        steps = list[int]()
        for phoneme, count in self._align(samples.astype(np.int16).tobytes(), " ".join(names)):
            is_good = phoneme == SILENCE or not next(scores) < MIN_GOOD_SCORE
            steps += [phoneme if is_good else UNKNOWN] * count
        centers = (np.arange(length) * SAMPLES_PER_FRAME + CENTER - STEP_CENTER) / SAMPLES_PER_STEP
        nearest = np.minimum(np.round(centers).astype(int), len(steps) - 1)
        labels: Labels = np.array(steps)[nearest]
        return labels

    def _learn(self, phonemes: Pronunciation) -> str:
        """Return a word name for which the decoder knows only this pronunciation."""
        symbols = [SYMBOLS[phoneme] for phoneme in phonemes]
        name = "_".join(["rated", *symbols])
        if name not in self._known:
            self._decoder.add_word(name, " ".join(symbols), False)
            self._known.add(name)
        return name

    def _align(self, pcm: bytes, text: str) -> list[tuple[int, int]]:
        """Return the phonemes with their durations in steps."""
        # Otherwise the noise estimate of the previous recording would be used.
        self._decoder.reinit_feat()
        self._decoder.set_align_text(text)
        self._process(pcm)
        self._decoder.set_alignment()
        self._process(pcm)
        return [
            (IDS.get(phoneme.name, SILENCE), phoneme.duration)
            for word in self._decoder.get_alignment()
            for phoneme in word
        ]

    def _process(self, pcm: bytes) -> None:
        self._decoder.start_utt()
        self._decoder.process_raw(pcm, full_utt=True)
        self._decoder.end_utt()


def to_labels(segments: Segments) -> Labels:
    return np.repeat(segments.phonemes, segments.frames)


def measure_log_frequencies(labels: Sequence[Labels]) -> Floats:
    counts = np.bincount(np.concatenate(labels)[np.concatenate(labels) >= 0], minlength=PHONEMES) + 1.0
    return np.log(counts / counts.sum()).astype(np.float32)
