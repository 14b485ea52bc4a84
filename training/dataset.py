"""Turns a corpus into the examples of the score models."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scoring.providers.offline.encoder import Encoding, Floats
from scoring.providers.offline.lexicon import load_lexicon
from scoring.providers.offline.listener import SpeechModel
from scoring.providers.offline.model_files import load_model_files
from scoring.providers.offline.phone_head import average_log_posteriors
from scoring.providers.offline.utterance_features import VoiceSpace
from scoring.providers.offline.weights import ScorerWeights

from training.alignment import CrossFittedHeads, train_heads
from training.augmentation import Augmenter, Counts
from training.corpus import Corpus, Utterance, load_corpus
from training.examples import Example, Matcher, Source, Targets, fit_voices, measure_durations, to_example

SEED = 3


@dataclass(frozen=True)
class Dataset:
    """Examples, the genuine ones first, and the parts of the scorer that described them."""

    examples: list[Example]
    heads: CrossFittedHeads
    voices: VoiceSpace
    durations: Floats


def encode_corpus(corpus: Corpus, model: SpeechModel) -> list[Encoding]:
    """Encode all recordings, in half precision to save memory."""
    return [_shrink(model.encoder.encode(utterance.read_samples())) for utterance in corpus.utterances]


def _shrink(encoding: Encoding) -> Encoding:
    return Encoding(encoding.inner.astype(np.float16), encoding.last.astype(np.float16), encoding.cuts)


def build_dataset(folder: Path) -> Dataset:
    """Train the heads on the train split, and describe its readings and the augmented ones."""
    corpus, model = load_corpus(folder, "train"), SpeechModel.from_files(load_model_files())
    encodings = encode_corpus(corpus, model)
    return describe_corpus(corpus, model, encodings, train_heads(corpus, encodings))


def describe_corpus(
    corpus: Corpus, model: SpeechModel, encodings: Sequence[Encoding], heads: CrossFittedHeads
) -> Dataset:
    matcher = Matcher(model.evidence, heads.log_priors)
    genuine = list[Source]()
    for index, (utterance, encoding) in enumerate(zip(corpus.utterances, encodings, strict=True)):
        log_posteriors = heads.compute_log_posteriors(index, encoding.inner)
        source = find_words(corpus, utterance, matcher, encoding, log_posteriors)
        if source is None:
            raise SystemExit(f"{utterance.name} is too short for its text.")
        genuine.append(source)
    random = np.random.default_rng(SEED)
    augmenter = Augmenter(corpus, encodings, genuine, heads, matcher, model.encoder, load_lexicon(), random)
    sources = [*genuine, *augmenter.make(Counts())]
    durations = measure_durations([source.rated.alignment for source in genuine])
    voices = fit_voices([source.rated.pooled for source in genuine])
    examples = [to_example(source, voices, durations) for source in sources]
    return Dataset(examples, heads, voices, durations)


def find_words(
    corpus: Corpus, utterance: Utterance, matcher: Matcher, encoding: Encoding, log_posteriors: Floats
) -> Source | None:
    """Align both kinds of words. Returns None if the recording is too short for its text."""
    rated_words = corpus.list_rated_words(utterance)
    words = corpus.list_spoken_words(utterance, load_lexicon())
    rated = matcher.match(encoding, log_posteriors, rated_words)
    spoken = rated if words == rated_words else matcher.match(encoding, log_posteriors, words)
    if rated is None or spoken is None:
        return None
    return Source(utterance.speaker, utterance.age, "genuine", to_targets(utterance), rated, spoken)


def to_targets(utterance: Utterance) -> Targets:
    return Targets(
        np.array(utterance.phoneme_scores, np.float32),
        np.array([word.score for word in utterance.words], np.float32),
        np.append(utterance.overall, np.float32(10)),
        np.array([(word.stress, word.total) for word in utterance.words], np.float32),
    )


def build_test_set(folder: Path, split: str, weights: ScorerWeights) -> list[Example]:
    """Describe another split like the service, with the average of the heads."""
    corpus, model = load_corpus(folder, split), SpeechModel.from_files(load_model_files())
    matcher, examples = Matcher(model.evidence, weights.log_priors), list[Example]()
    for utterance in corpus.utterances:
        encoding = model.encoder.encode(utterance.read_samples())
        log_posteriors = average_log_posteriors(weights.heads, encoding.inner)
        source = find_words(corpus, utterance, matcher, encoding, log_posteriors)
        if source is None:
            print(f"{utterance.name} is omitted: it is too short for its text.")
            continue
        examples.append(to_example(source, weights.voices, weights.durations))
    return examples
