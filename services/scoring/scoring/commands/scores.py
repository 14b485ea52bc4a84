import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial

from prometheus_client import Histogram
from shared.errors import ParleyError

from scoring.audio.buffer import AudioBufferManager
from scoring.audio.pool import DecoderPool
from scoring.audio.recording import Recording
from scoring.domain.phonemes import sum_phonemes
from scoring.domain.profanity import mask_profanity
from scoring.domain.scores import ScoringResult
from scoring.domain.turns import Ticket
from scoring.errors import ProviderTimeout, SpeechProcessingError
from scoring.providers.chain import ProviderChain
from scoring.receipts import ReceiptIssuer
from scoring.schemas.scores import ScoreRequest

ASSESSMENT_DURATION = Histogram(
    "assessment_duration_seconds",
    "Time from a received recording to its scores or an error.",
    ["outcome"],
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15),
)

type CountSeconds = Callable[[float], Awaitable[None]]
"""Counts seconds of audio towards the learner's limit, or only checks the limit if there are 0. Raises
TooManyRequests.
"""

GRACE_SECONDS = 2.0
"""Work is cancelled this long after its deadline, so that it still finishes if it takes slightly longer than
estimated.
"""


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
    ticket: Ticket,
    request: ScoreRequest,
    upload: AudioBufferManager,
    count_seconds: CountSeconds,
) -> ScoredRecording:
    """Assess a recording and sign its score.

    Raises the errors of decoding, `count_seconds` and ProviderChain.assess, or ProviderTimeout.
    """
    ensure_capacity = partial(providers.ensure_capacity, ticket, request.language)
    async with _measure_duration(), _limit_time(ticket.deadline + GRACE_SECONDS):
        with providers.reserve_place(ticket, request.language) as decoding_deadline:
            decoding = decoders.decode(
                upload, replace(ticket, deadline=decoding_deadline), ensure_capacity=ensure_capacity
            )
            async with _charge_seconds(decoding, count_seconds) as recording:
                assessment = mask_profanity(
                    await providers.assess(
                        recording, ticket=ticket, text=request.reference_text, language=request.language
                    )
                )
    if assessment.pronunciation_score is None:
        return ScoredRecording(assessment, None)
    receipt = receipts.issue(
        ticket.learner_id,
        reference_text=request.reference_text,
        speech_id=request.speech_id,
        score=assessment.pronunciation_score,
        scorer=assessment.scorer,
        recognized_text=assessment.recognized_text,
        phonemes=sum_phonemes(assessment.words),
    )
    return ScoredRecording(assessment, receipt)


@asynccontextmanager
async def _charge_seconds(
    decoding: AbstractAsyncContextManager[Recording], count_seconds: CountSeconds
) -> AsyncIterator[Recording]:
    await count_seconds(0)
    async with AsyncExitStack() as stack:
        try:
            recording = await stack.enter_async_context(decoding)
        except SpeechProcessingError as error:
            # Others wait while it is decoded, regardless of the outcome.
            if error.cost_seconds:
                await count_seconds(error.cost_seconds)
            raise
        await count_seconds(recording.seconds)
        yield recording


@asynccontextmanager
async def _limit_time(deadline: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout_at(deadline) as scope:
            yield
    except TimeoutError:
        if scope.expired():
            raise ProviderTimeout("The recording could not be scored in time.") from None
        raise


@asynccontextmanager
async def _measure_duration() -> AsyncIterator[None]:
    started, outcome = time.perf_counter(), "failed"
    try:
        yield
        outcome = "scored"
    except ParleyError as error:
        outcome = error.code
        raise
    finally:
        ASSESSMENT_DURATION.labels(outcome).observe(time.perf_counter() - started)
