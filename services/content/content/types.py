"""Types that several layers share."""

from typing import Literal

Level = Literal["A1", "A2", "B1", "B2", "C1", "C2"]
"""A level of the Common European Framework of Reference for Languages (CEFR)."""

SpeechType = Literal["question", "answer"]

Match = Literal["any", "all"]
"""Whether a speech must carry any or all of the tags."""
