"""What scoring does on request."""

import time
from dataclasses import dataclass
from uuid import UUID

from prometheus_client import Histogram
from shared.errors import ParleyError

from scoring.domain.scores import Assessment
from scoring.providers.base import SpeechProvider
from scoring.receipts.issuer import ReceiptIssuer
from scoring.schemas.scores import ScoreRequest

ASSESSMENT_DURATION = Histogram(
    "assessment_duration_seconds",
    "Time from a received recording to its scores or its refusal.",
    ["provider", "outcome"],
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15),
)


@dataclass(frozen=True)
class ScoredRecording:
    """An assessment and the proof of it; without an overall score there is nothing to prove."""

    assessment: Assessment
    receipt: str | None


async def assess_recording(
    provider: SpeechProvider,
    receipts: ReceiptIssuer,
    *,
    learner: UUID,
    reading: ScoreRequest,
    audio: memoryview,
) -> ScoredRecording:
    """Have a recording assessed and sign for the result. Raises what Provider.assess raises."""
    assessment = await _assess(provider, reading, audio)
    score = assessment.pronunciation_score
    if score is None:
        return ScoredRecording(assessment, None)
    receipt = receipts.issue(learner, reading, score=score, recognized_text=assessment.recognized_text)
    return ScoredRecording(assessment, receipt)


async def _assess(provider: SpeechProvider, reading: ScoreRequest, audio: memoryview) -> Assessment:
    started, outcome = time.perf_counter(), "failed"
    try:
        assessment = await provider.assess(audio, text=reading.reference_text, language=reading.language)
        outcome = "scored"
        return assessment
    except ParleyError as error:
        outcome = error.code
        raise
    finally:
        seconds = time.perf_counter() - started
        ASSESSMENT_DURATION.labels(provider.capabilities.provider, outcome).observe(seconds)
