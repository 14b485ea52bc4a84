"""Names and limits that several layers use. Worker processes import this: it must stay free of pydantic."""

from typing import Literal

type ErrorType = Literal["none", "mispronunciation", "omission", "insertion"]
type NotAssessableReason = Literal["no_speech", "too_noisy", "too_short", "clipped"]
