"""Scores one recording for one text, in a worker process."""

from dataclasses import dataclass

import numpy as np

from scoring.audio.recording import Recording
from scoring.domain.scores import ScoringResult
from scoring.providers.offline.encoder import Encoding, Floats
from scoring.providers.offline.listener import AlignedText, SpeechModel, match, observe
from scoring.providers.offline.miscues import Delivery, find_delivery, find_insertions
from scoring.providers.offline.model_files import load_model_files
from scoring.providers.offline.other_text import TextEvidence, create_other_text_error, ensure_text
from scoring.providers.offline.phone_head import average_log_posteriors
from scoring.providers.offline.pronouncer import Pronouncer, load_pronouncer
from scoring.providers.offline.recognition import Recognizer
from scoring.providers.offline.results import build_result, to_points
from scoring.providers.offline.speech_gate import ensure_speech
from scoring.providers.offline.text_reader import read_text
from scoring.providers.offline.transcript import Transcript, to_transcript
from scoring.providers.offline.weights import ScorerWeights, load_weights
from scoring.providers.offline.word_alignment import align_words


@dataclass(frozen=True)
class Engine:
    """Has no state between recordings, so the same bytes always get the same scores."""

    model: SpeechModel
    weights: ScorerWeights
    pronouncer: Pronouncer

    @classmethod
    def load(cls) -> "Engine":
        """Raises ModelFilesUnusable if a file is missing or altered."""
        return cls(SpeechModel.from_files(load_model_files()), load_weights(), load_pronouncer())

    def assess(self, recording: Recording, text: str) -> ScoringResult:
        """Return the scores or raise one of ASSESSMENT_ERRORS."""
        transcript = read_text(text, self.pronouncer)
        encoding = self.model.encoder.encode(to_samples(recording.pcm))
        log_posteriors = average_log_posteriors(self.weights.heads, encoding.inner)
        ensure_speech(log_posteriors)
        recognized = self._recognizer.recognize(encoding, log_posteriors, text)
        delivery = self._find_delivery(log_posteriors, transcript)
        compared = align_words(delivery.texts, recognized)
        delivery = delivery.mark_recognized(compared.recognized)
        matched = self._match(encoding, log_posteriors, delivery)
        observation = observe(matched, self.weights.voices, self.weights.durations)
        result = build_result(
            delivery,
            observation.segments,
            to_points(self.weights.models.score(observation), self.weights.maps),
            insertions=find_insertions(compared.extra, delivery.other),
            recognized=recognized,
            audio=recording.source,
        )
        recognized_share = len(compared.recognized) / len(delivery.words)
        end = float(matched.evidence.text[-1])
        ensure_text(TextEvidence(result.pronunciation_score or 0.0, recognized_share, end))
        return result

    @property
    def _recognizer(self) -> Recognizer:
        return Recognizer(self.model.evidence.decoder, self.model.evidence.tokenizer)

    def _find_delivery(self, log_posteriors: Floats, transcript: Transcript) -> Delivery:
        delivery = find_delivery(log_posteriors, transcript, self.weights.log_priors)
        if delivery is None:
            raise create_other_text_error()
        return delivery

    def _match(self, encoding: Encoding, log_posteriors: Floats, delivery: Delivery) -> AlignedText:
        """Align only the spoken words, as in the training data of the score models."""
        spoken, priors = to_transcript(delivery.spoken_words), self.weights.log_priors
        matched = match(self.model.evidence, encoding, log_posteriors, spoken, priors) if spoken else None
        if matched is None:
            raise create_other_text_error()
        return matched


def to_samples(pcm: memoryview) -> Floats:
    """Return floats from -1 to 1 of 16-bit samples."""
    return np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32768)
