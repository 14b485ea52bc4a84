"""What requests and responses of the scoring service look like."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field
from shared.http.fields import Text

from scoring.audio.formats import MAX_AUDIO_BYTES, MAX_AUDIO_SECONDS
from scoring.domain.scores import AudioInfo, WordScore
from scoring.text.words import MAX_TEXT_CHARACTERS

ScoreValue = Annotated[float | None, Field(ge=0, le=100)]


class ScoreRequest(BaseModel):
    """What a learner was to read, and in which language."""

    reference_text: Annotated[Text, Field(min_length=1, max_length=MAX_TEXT_CHARACTERS)]
    speech_id: UUID | None = None
    language: str = "en-US"


class ScoreRead(BaseModel):
    """How a recording was pronounced. Scores are 0-100; one that could not be made is null, never 0."""

    status: Literal["scored"] = "scored"
    recognized_text: str = Field(description="The words of the reference text that were heard, in its order.")
    pronunciation_score: ScoreValue = Field(description="The score of the whole.")
    accuracy_score: ScoreValue = Field(description="How well the words that were found were pronounced.")
    fluency_score: ScoreValue = Field(description="How steadily they were said: tempo and pauses.")
    completeness_score: ScoreValue = Field(description="How much of the reference text was said.")
    prosody_score: ScoreValue = Field(
        description="Stress and intonation; null where the provider cannot tell."
    )
    word_scores: list[WordScore] = Field(
        description="One entry for each word of the reference text, numbers in words; hyphens part words."
    )
    provider: str
    audio: AudioInfo
    receipt: str | None = Field(
        description="A signed proof of this score: pass it on, unread, with the result of the game. It is "
        "good for 30 days and one use. Null when there is no pronunciation_score."
    )


SCORE_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["audio", "reference_text"],
                    "properties": {
                        "audio": {
                            "type": "string",
                            "format": "binary",
                            "description": f"The recording, at most {MAX_AUDIO_BYTES} "
                            f"bytes and {MAX_AUDIO_SECONDS} seconds: "
                            "WAV, MP3, M4A, AAC, OGG (Opus, Vorbis), FLAC or WebM.",
                        },
                        "reference_text": {
                            "type": "string",
                            "minLength": 1,
                            "maxLength": MAX_TEXT_CHARACTERS,
                            "description": "What the learner was to say.",
                        },
                        "speech_id": {
                            "type": "string",
                            "format": "uuid",
                            "description": "The speech that the text belongs to.",
                        },
                        "language": {"type": "string", "default": "en-US"},
                    },
                },
            }
        },
    }
}
"""The body of POST /speech/score in OpenAPI. The route reads it as a stream, so FastAPI cannot see it."""
