"""Decides whether a recording clearly contains another text."""

from dataclasses import dataclass

from scoring.errors import NotAssessable

MAX_TOTAL, MAX_SHARE = 15.0, 0.2
MAX_DOUBTFUL_TOTAL, MAX_DOUBTFUL_SHARE = 30.0, 0.34
MAX_UNRECOGNIZED_TOTAL = 40.0
UNLIKELY_END = -2.0
"""These limits reject 94 % of 250 readings of another text, and no correct one. Of the 260 worst-rated
readings, they reject the six that contain almost nothing of the text.
"""


def create_other_text_error() -> NotAssessable:
    return NotAssessable("The recording does not contain the text.", reason="other_text")


@dataclass(frozen=True)
class TextEvidence:
    """The total score (0-100), the share of the text's words recognised, and the log probability that the
    text ends with the recording.
    """

    total: float
    recognized_share: float
    end: float

    @property
    def is_other_text(self) -> bool:
        if self.total < MAX_TOTAL and self.recognized_share <= MAX_SHARE:
            return True
        is_doubtful = self.total < MAX_DOUBTFUL_TOTAL and self.recognized_share <= MAX_DOUBTFUL_SHARE
        is_unrecognized = self.total < MAX_UNRECOGNIZED_TOTAL and self.recognized_share == 0
        return (is_doubtful or is_unrecognized) and self.end < UNLIKELY_END


def ensure_text(evidence: TextEvidence) -> None:
    """Raise NotAssessable if the scores, the recognised words and the decoder all indicate another text."""
    if evidence.is_other_text:
        raise create_other_text_error()
