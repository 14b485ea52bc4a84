import asyncio
import codecs
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import jwt
import pytest
from prometheus_client import REGISTRY
from scoring.audio.buffer import AudioBufferManager
from scoring.audio.recording import Recording
from scoring.budget import SpeechBudget
from scoring.commands.scores import CountSeconds, ScoredRecording, assess_recording
from scoring.domain.budgets import Limits
from scoring.domain.scores import AudioInfo, ScoringResult
from scoring.domain.turns import Ticket
from scoring.errors import NotAssessable, ProviderTimeout, SpeechProcessingError, UnsupportedAudio
from scoring.providers import Capabilities
from scoring.providers.chain import ProviderChain
from scoring.receipts import ReceiptIssuer
from scoring.schemas.scores import ScoreRequest
from shared.errors import ParleyError, TooManyRequests

ASSESSMENT = ScoringResult(
    recognized_text="thank you",
    pronunciation_score=86.6,
    accuracy_score=88.1,
    fluency_score=83.0,
    completeness_score=100.0,
    prosody_score=None,
    words=(),
    audio=AudioInfo(1240, 44_100, "m4a"),
    provider="stand-in",
    scorer="stand-in-1",
)
REQUEST = ScoreRequest(reference_text="Thank you.")


class StandInDecoders:
    """Treats every upload as samples, or refuses it."""

    def __init__(self, refusal: SpeechProcessingError | None = None) -> None:
        self._refusal, self.asked = refusal, 0

    @asynccontextmanager
    async def decode(
        self, upload: AudioBufferManager, ticket: Ticket, *, ensure_capacity: Callable[[], object]
    ) -> AsyncIterator[Recording]:
        ensure_capacity()
        self.asked += 1
        if self._refusal:
            raise self._refusal
        yield Recording(upload.view(), ASSESSMENT.audio)


class StandInProvider:
    """Answers every recording alike, or hangs for some seconds and fails."""

    capabilities = Capabilities("stand-in", "stand-in-1", ("en-US",), "ipa", prosody=True, max_seconds=60)
    loops = ()
    concurrency = 1

    def __init__(self, response: ScoringResult | ParleyError | float) -> None:
        self._answer = response

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def ping(self) -> None: ...

    async def assess(self, recording: Recording, *, text: str, language: str) -> ScoringResult:
        assert (bytes(recording.pcm), text, language) == (b"voice", "Thank you.", "en-US")
        if isinstance(self._answer, float):
            await asyncio.sleep(self._answer)
            raise TimeoutError
        if isinstance(self._answer, ParleyError):
            raise self._answer
        return self._answer


@pytest.fixture(scope="session")
def receipts(keys_file: Path) -> ReceiptIssuer:
    return ReceiptIssuer.load(keys_file)


async def count_nothing(seconds: float) -> None: ...


async def assess(
    response: ScoringResult | ParleyError | float,
    receipts: ReceiptIssuer,
    learner: UUID,
    *,
    within_seconds: float = 12.0,
    count_seconds: CountSeconds = count_nothing,
    decoders: Any = None,
) -> ScoredRecording:
    decoders = decoders or StandInDecoders()
    providers = ProviderChain(
        [StandInProvider(response)], SpeechBudget("redis://127.0.0.1:1/0", Limits(0, 0))
    )
    ticket = Ticket(learner, asyncio.get_running_loop().time() + within_seconds)
    with AudioBufferManager() as upload:
        upload.append(memoryview(b"voice"))
        return await assess_recording(
            decoders,
            providers,
            receipts,
            ticket=ticket,
            request=REQUEST,
            upload=upload,
            count_seconds=count_seconds,
        )


def count_assessments(outcome: str) -> float:
    return REGISTRY.get_sample_value("assessment_duration_seconds_count", {"outcome": outcome}) or 0


async def test_a_score_gets_a_receipt(receipts: ReceiptIssuer, learner: UUID) -> None:
    before = count_assessments("scored")
    scored = await assess(ASSESSMENT, receipts, learner)
    assert scored.assessment == ASSESSMENT
    assert scored.receipt is not None
    claims = jwt.decode(scored.receipt, options={"verify_signature": False})
    assert (claims["sub"], claims["pronunciation_score"]) == (str(learner), 86.6)
    assert claims["scorer"] == "stand-in-1"
    assert count_assessments("scored") == before + 1


async def test_vulgar_words_reach_neither_the_score_nor_the_receipt(
    receipts: ReceiptIssuer, learner: UUID
) -> None:
    vulgar = replace(ASSESSMENT, recognized_text=f"thank {codecs.decode('fuvg', 'rot13')}")
    scored = await assess(vulgar, receipts, learner)
    assert scored.assessment.recognized_text == "thank ****"
    assert scored.receipt is not None
    claims = jwt.decode(scored.receipt, options={"verify_signature": False})
    assert claims["recognized_text"] == "thank ****"


async def test_without_an_overall_score_there_is_no_receipt(receipts: ReceiptIssuer, learner: UUID) -> None:
    scored = await assess(replace(ASSESSMENT, pronunciation_score=None), receipts, learner)
    assert scored.receipt is None


async def test_an_error_is_counted_by_its_code(receipts: ReceiptIssuer, learner: UUID) -> None:
    before = count_assessments("not_assessable")
    with pytest.raises(NotAssessable):
        await assess(NotAssessable("The recording holds no voice.", reason="no_speech"), receipts, learner)
    assert count_assessments("not_assessable") == before + 1


@pytest.mark.timed
async def test_a_hanging_provider_is_cancelled_soon_after_the_deadline(
    receipts: ReceiptIssuer, learner: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scoring.commands.scores.GRACE_SECONDS", 0.1)
    loop, before = asyncio.get_running_loop(), count_assessments("provider_timeout")
    started = loop.time()
    with pytest.raises(ProviderTimeout):
        await assess(60.0, receipts, learner, within_seconds=0.1)
    assert 0.2 <= loop.time() - started < 1
    assert count_assessments("provider_timeout") == before + 1


async def test_a_timeout_raised_by_the_work_is_not_reported_as_a_missed_deadline(
    receipts: ReceiptIssuer, learner: UUID
) -> None:
    with pytest.raises(TimeoutError):
        await assess(0.0, receipts, learner)


async def test_seconds_are_counted_before_a_provider_is_called(
    receipts: ReceiptIssuer, learner: UUID
) -> None:
    counted = list[float]()

    async def refuse(seconds: float) -> None:
        counted.append(seconds)
        if seconds:
            raise TooManyRequests("enough")

    with pytest.raises(TooManyRequests):
        await assess(ProviderTimeout("asked"), receipts, learner, count_seconds=refuse)
    assert counted == [0, 5 / 32_000]


async def test_a_refused_recording_counts_by_its_decoding_time(
    receipts: ReceiptIssuer, learner: UUID
) -> None:
    counted, refusal = list[float](), UnsupportedAudio("A bomb.")
    refusal.cost_seconds = 60.0

    async def count(seconds: float) -> None:
        counted.append(seconds)

    with pytest.raises(UnsupportedAudio):
        await assess(ASSESSMENT, receipts, learner, count_seconds=count, decoders=StandInDecoders(refusal))
    assert counted == [0, 60]


async def test_no_recording_is_decoded_when_the_budget_is_exhausted(
    receipts: ReceiptIssuer, learner: UUID
) -> None:
    async def refuse(seconds: float) -> None:
        raise TooManyRequests("enough")

    decoders = StandInDecoders()
    with pytest.raises(TooManyRequests):
        await assess(ASSESSMENT, receipts, learner, count_seconds=refuse, decoders=decoders)
    assert decoders.asked == 0
