"""Vocabulary shared by several services' contracts, tables and schemas."""

from typing import Literal

Level = Literal["A1", "A2", "B1", "B2", "C1", "C2"]
"""A level of the Common European Framework of Reference for Languages (CEFR)."""
SpeechType = Literal["question", "answer"]
SessionMode = Literal["listen_only", "listen_and_repeat"]
UserResponse = Literal["correct", "incorrect", "skipped"]

MAX_SPEECH_TEXT_LENGTH = 5_000
MAX_TAG_NAME_LENGTH = 100
MAX_TAGS_PER_SPEECH = 50
