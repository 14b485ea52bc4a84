"""Names and limits for several layers. Decoders import this module, so it must not import pydantic."""

from typing import Literal

type SpeechProviderName = Literal["azure", "offline"]
type PhonemeAlphabet = Literal["arpabet", "ipa"]
type ErrorType = Literal["none", "mispronunciation", "omission", "insertion"]
type NotAssessableReason = Literal[
    "no_speech", "too_noisy", "too_short", "clipped", "low_quality", "other_text"
]
type BudgetName = Literal["learner_day", "month"]

DEFAULT_QUEUE_SIZE = 32
MAX_AUDIO_SECONDS = 60
MAX_TEXT_CHARACTERS = 500
MAX_TEXT_WORDS = 150
"""Spoken words: one sign can stand for several."""
