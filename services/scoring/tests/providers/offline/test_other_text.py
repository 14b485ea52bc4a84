import pytest
from scoring.errors import NotAssessable
from scoring.providers.offline.other_text import TextEvidence, ensure_text


@pytest.mark.parametrize(
    "evidence",
    [
        TextEvidence(5, 0, 0),
        TextEvidence(14.9, 0.2, 0),
        TextEvidence(29.9, 0.33, -2.1),
        TextEvidence(39, 0, -2.1),
    ],
)
def test_clear_evidence_of_another_text_is_refused(evidence: TextEvidence) -> None:
    with pytest.raises(NotAssessable) as excinfo:
        ensure_text(evidence)
    assert excinfo.value.extra == {"reason": "other_text"}


@pytest.mark.parametrize(
    "evidence",
    [
        TextEvidence(90, 0, -9),
        TextEvidence(15, 0, -1.9),
        TextEvidence(5, 0.5, -9),
        TextEvidence(29, 0.33, -1.9),
        TextEvidence(39, 0.1, -9),
        TextEvidence(41, 0, -9),
    ],
)
def test_doubtful_evidence_of_another_text_is_accepted(evidence: TextEvidence) -> None:
    ensure_text(evidence)
