from dataclasses import replace
from pathlib import Path
from uuid import UUID

import jwt
import pytest
from prometheus_client import REGISTRY
from scoring.commands.scores import assess_recording
from scoring.domain.scores import AudioInfo, ScoringResult
from scoring.errors import NotAssessable
from scoring.providers import Capabilities
from scoring.receipts import ReceiptIssuer
from scoring.schemas.scores import ScoreRequest
from shared.errors import ParleyError

ASSESSMENT = ScoringResult(
    recognized_text="thank you",
    pronunciation_score=86.6,
    accuracy_score=88.1,
    fluency_score=83.0,
    completeness_score=100.0,
    prosody_score=None,
    words=(),
    audio=AudioInfo(1240, 44_100, "m4a"),
)
REQUEST = ScoreRequest(reference_text="Thank you.")


class StandInProvider:
    """Answers every recording alike."""

    capabilities = Capabilities("stand-in", ("en-US",), "ipa", prosody=True, max_seconds=60, formats=("wav",))
    loops = ()

    def __init__(self, answer: ScoringResult | ParleyError) -> None:
        self._answer = answer

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def ping(self) -> None: ...

    async def assess(self, audio: memoryview, *, text: str, language: str) -> ScoringResult:
        assert (bytes(audio), text, language) == (b"voice", "Thank you.", "en-US")
        if isinstance(self._answer, ParleyError):
            raise self._answer
        return self._answer


@pytest.fixture(scope="session")
def receipts(keys_file: Path) -> ReceiptIssuer:
    return ReceiptIssuer.load(keys_file)


def assessments(outcome: str) -> float:
    labels = {"provider": "stand-in", "outcome": outcome}
    return REGISTRY.get_sample_value("assessment_duration_seconds_count", labels) or 0


async def test_a_score_gets_a_receipt(receipts: ReceiptIssuer, learner: UUID) -> None:
    before = assessments("scored")
    scored = await assess_recording(
        StandInProvider(ASSESSMENT), receipts, learner_id=learner, request=REQUEST, audio=memoryview(b"voice")
    )
    assert scored.assessment == ASSESSMENT
    assert scored.receipt is not None
    claims = jwt.decode(scored.receipt, options={"verify_signature": False})
    assert (claims["sub"], claims["pronunciation_score"]) == (str(learner), 86.6)
    assert assessments("scored") == before + 1


async def test_without_an_overall_score_there_is_no_receipt(receipts: ReceiptIssuer, learner: UUID) -> None:
    provider = StandInProvider(replace(ASSESSMENT, pronunciation_score=None))
    scored = await assess_recording(
        provider, receipts, learner_id=learner, request=REQUEST, audio=memoryview(b"voice")
    )
    assert scored.receipt is None


async def test_an_error_is_counted_by_its_code(receipts: ReceiptIssuer, learner: UUID) -> None:
    before = assessments("not_assessable")
    provider = StandInProvider(NotAssessable("The recording holds no voice.", reason="no_speech"))
    with pytest.raises(NotAssessable):
        await assess_recording(
            provider, receipts, learner_id=learner, request=REQUEST, audio=memoryview(b"voice")
        )
    assert assessments("not_assessable") == before + 1
