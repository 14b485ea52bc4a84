import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from prometheus_client import Histogram
from shared.errors import ParleyError

from scoring.audio.buffer import AudioBufferManager
from scoring.audio.pool import DecoderPool
from scoring.domain.scores import ScoringResult
from scoring.providers.chain import ProviderChain
from scoring.receipts import ReceiptIssuer
from scoring.schemas.scores import ScoreRequest

ASSESSMENT_DURATION = Histogram(
    "assessment_duration_seconds",
    "Time from a received recording to its scores or an error.",
    ["outcome"],
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15),
)


@dataclass(frozen=True)
class ScoredRecording:
    """An assessment with its receipt. Without an overall score there is no receipt."""

    assessment: ScoringResult
    receipt: str | None


async def assess_recording(
    decoders: DecoderPool,
    providers: ProviderChain,
    receipts: ReceiptIssuer,
    *,
    learner_id: UUID,
    request: ScoreRequest,
    upload: AudioBufferManager,
) -> ScoredRecording:
    """Assess a recording and sign its score. Raises what decoding and ProviderChain.assess raise."""
    with _measure_duration():
        async with decoders.decode(upload) as recording:
            assessment = await providers.assess(
                recording,
                learner_id=learner_id,
                text=request.reference_text,
                language=request.language,
            )
    if assessment.pronunciation_score is None:
        return ScoredRecording(assessment, None)
    receipt = receipts.issue(
        learner_id,
        reference_text=request.reference_text,
        speech_id=request.speech_id,
        score=assessment.pronunciation_score,
        recognized_text=assessment.recognized_text,
    )
    return ScoredRecording(assessment, receipt)


@contextmanager
def _measure_duration() -> Iterator[None]:
    started, outcome = time.perf_counter(), "failed"
    try:
        yield
        outcome = "scored"
    except ParleyError as error:
        outcome = error.code
        raise
    finally:
        ASSESSMENT_DURATION.labels(outcome).observe(time.perf_counter() - started)
