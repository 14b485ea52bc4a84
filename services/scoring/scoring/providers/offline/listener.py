"""Computes the models' inputs from a recording: first without the text, then with it."""

from dataclasses import dataclass

import numpy as np

from scoring.providers.offline.aligner import Alignment, align
from scoring.providers.offline.decoder import Decoder
from scoring.providers.offline.encoder import Encoder, Encoding, Floats
from scoring.providers.offline.evidence import Evidence, EvidenceReader
from scoring.providers.offline.model_files import ModelFiles
from scoring.providers.offline.observation import Observation
from scoring.providers.offline.phone_features import describe_segments
from scoring.providers.offline.tokenizer import Tokenizer
from scoring.providers.offline.transcript import Transcript
from scoring.providers.offline.utterance_features import VoiceSpace, describe_utterance, pool_frames


@dataclass(frozen=True)
class SpeechModel:
    encoder: Encoder
    evidence: EvidenceReader

    @classmethod
    def from_files(cls, files: ModelFiles) -> "SpeechModel":
        reader = EvidenceReader(Decoder(files.decoder), Tokenizer(files.tokenizer))
        return cls(Encoder(files.encoder), reader)


@dataclass(frozen=True)
class AlignedText:
    """A text aligned to a recording: phoneme positions, word likelihoods, and the voice embedding (2304,)."""

    alignment: Alignment
    log_posteriors: Floats
    evidence: Evidence
    pooled: Floats


def match(
    reader: EvidenceReader,
    encoding: Encoding,
    log_posteriors: Floats,
    transcript: Transcript,
    log_priors: Floats,
) -> AlignedText | None:
    """Align a text to a recording. Returns None if the recording is too short for it."""
    alignment = align(log_posteriors, transcript, log_priors)
    if alignment is None:
        return None
    segments = alignment.segments
    _, firsts = np.unique(segments.words[segments.spoken], return_index=True)
    first_frames = segments.starts[segments.spoken][firsts]
    evidence = reader.read(encoding, [word.text for word in alignment.words], [*map(int, first_frames)])
    return AlignedText(alignment, log_posteriors, evidence, pool_frames(encoding, segments))


def observe(matched: AlignedText, voices: VoiceSpace, durations: Floats) -> Observation:
    segments = matched.alignment.segments
    tokens = describe_segments(matched.log_posteriors, segments, matched.evidence, durations)
    voice = voices.project(matched.pooled)
    utterance_features = describe_utterance(voice, matched.alignment, tokens, matched.evidence, durations)
    return Observation(segments, tokens, utterance_features)
