from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema, model_validator
from shared.audio.measurement import MAX_AUDIO_BYTES
from shared.http.fields import DisplayText, RequestModel

from scoring.types import MAX_AUDIO_SECONDS, MAX_TEXT_CHARACTERS, MAX_TEXT_WORDS, ErrorType, PhonemeAlphabet

Score = Annotated[float, Field(ge=0, le=100)]

OPTIONAL_FIELDS = {"speech_id", "language"}
EXAMPLE_SPEECH_ID = "0198c4e2-7d1a-7c3e-9f52-3b1f6a2d8e40"


class ScoreRequest(RequestModel):
    """The text that a recording is scored against."""

    reference_text: Annotated[
        str,
        DisplayText(min_length=1, max_length=MAX_TEXT_CHARACTERS),
        Field(
            description=f"The text that the learner read, with at most {MAX_TEXT_WORDS} spoken words.",
            examples=["Thank you."],
        ),
    ]
    # A form cannot express null.
    speech_id: Annotated[UUID | None, WithJsonSchema({"type": "string", "format": "uuid"})] = Field(
        default=None,
        description="The speech to which the text belongs. Empty means none.",
        examples=[EXAMPLE_SPEECH_ID],
    )
    language: str = Field(
        default="en-US",
        max_length=35,
        description="A language of the capabilities, in upper or lower case, or its beginning, such as `en`.",
        examples=["en-US"],
    )

    @model_validator(mode="before")
    @classmethod
    def _omit_empty_fields(cls, fields: dict[str, str]) -> dict[str, str]:
        # Generated clients and web forms send an empty string for an unset field.
        return {name: value for name, value in fields.items() if value or name not in OPTIONAL_FIELDS}


class PhonemeScoreRead(BaseModel):
    """One sound of a word."""

    symbol: str = Field(description="In the alphabet that `phoneme_alphabet` names.", examples=["θ"])
    score: Score = Field(examples=[81.3])
    offset_ms: int = Field(description="From the start of the recording.", examples=[310])
    duration_ms: int = Field(examples=[90])


class WordScoreRead(BaseModel):
    """A word of the reference text, or an inserted word."""

    word: str = Field(
        description="An inserted word that is vulgar is replaced by asterisks.", examples=["thank"]
    )
    score: Score | None = Field(examples=[84.0])
    error_type: ErrorType = Field(
        description="`mispronunciation`: pronounced badly or replaced by another word; raters found "
        "four in five of the words that `offline` flags bad. `omission`: not spoken. `insertion`: spoken but "
        "not in the text; not every provider detects it. The last two have no score.",
        examples=["none"],
    )
    offset_ms: int | None = Field(description="From the start of the recording.", examples=[310])
    duration_ms: int | None = Field(examples=[350])
    phonemes: list[PhonemeScoreRead]


class ScoredAudioRead(BaseModel):
    """The recording as it was sent."""

    duration_ms: int = Field(examples=[1240])
    sample_rate: int = Field(description="In Hz.", examples=[44100])
    format: str = Field(description="The container, as in the capabilities.", examples=["m4a"])


EXAMPLE: dict[str, Any] = {
    "status": "scored",
    "recognized_text": "thank you",
    "pronunciation_score": 86.6,
    "accuracy_score": 88.1,
    "fluency_score": 83.0,
    "completeness_score": 100.0,
    "prosody_score": 78.4,
    "word_scores": [
        {
            "word": "thank",
            "score": 84.0,
            "error_type": "none",
            "offset_ms": 310,
            "duration_ms": 350,
            "phonemes": [
                {"symbol": "θ", "score": 71.3, "offset_ms": 310, "duration_ms": 90},
                {"symbol": "æ", "score": 86.9, "offset_ms": 400, "duration_ms": 110},
                {"symbol": "ŋ", "score": 88.2, "offset_ms": 510, "duration_ms": 70},
                {"symbol": "k", "score": 90.4, "offset_ms": 580, "duration_ms": 80},
            ],
        },
        {
            "word": "you",
            "score": 92.2,
            "error_type": "none",
            "offset_ms": 660,
            "duration_ms": 220,
            "phonemes": [
                {"symbol": "j", "score": 91.0, "offset_ms": 660, "duration_ms": 60},
                {"symbol": "u", "score": 93.4, "offset_ms": 720, "duration_ms": 160},
            ],
        },
    ],
    "provider": "azure",
    "scorer": "azure-v2",
    "phoneme_alphabet": "ipa",
    "audio": {"duration_ms": 1240, "sample_rate": 44100, "format": "m4a"},
    "receipt": "eyJhbGciOiJFUzI1NiIsInR5cCI6InJlY2VpcHQrand0In0.eyJzdWIiOiIuLi4ifQ.c2lnbmF0dXJl",
}


class ScoreRead(BaseModel):
    """How a recording was pronounced. Scores are 0-100, or null if there is none.

    They were compared with human ratings only for speakers of the native languages that the capabilities list
    as `validated_on`.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    status: Literal["scored"] = "scored"
    recognized_text: str = Field(
        description="The transcript. `azure` reports only words of the reference text. Vulgar words that are "
        "not in it are replaced by asterisks: they may have been misheard."
    )
    pronunciation_score: Score | None = Field(description="The overall score.")
    accuracy_score: Score | None = Field(description="How well the spoken words were pronounced.")
    fluency_score: Score | None = Field(description="How steadily they were spoken: tempo and pauses.")
    completeness_score: Score | None = Field(description="How much of the reference text was spoken.")
    prosody_score: Score | None = Field(
        description="Rhythm, stress and intonation. `offline` infers it from tempo, pauses and the sound of "
        "the voice, and does not measure pitch. Null if the provider does not score prosody."
    )
    word_scores: list[WordScoreRead] = Field(
        description="One entry per word of the reference text, and per inserted word. Numbers are spelled "
        "out, and hyphens separate words."
    )
    provider: str = Field(description="The provider that scored; another one may have been unavailable.")
    scorer: str = Field(
        description="The scorer and its version. Compare only scores of the same scorer: another one may "
        "score the same recording differently."
    )
    phoneme_alphabet: PhonemeAlphabet = Field(description="The provider's alphabet of `phonemes.symbol`.")
    audio: ScoredAudioRead
    receipt: str | None = Field(
        description="A signed proof of this score, valid for 30 days and one use. Send it unchanged with the "
        "result of the game. Null when `pronunciation_score` is null."
    )


def describe_form() -> dict[str, Any]:
    """Return the OpenAPI request body of the form. FastAPI cannot derive it, because the form is streamed."""
    schema = ScoreRequest.model_json_schema()
    audio = {
        "type": "string",
        "format": "binary",
        "minLength": 1,
        "description": f"The recording, at most {MAX_AUDIO_BYTES >> 20} MiB and {MAX_AUDIO_SECONDS} seconds: "
        "WAV, MP3, M4A, AAC, OGG (Opus, Vorbis), FLAC or WebM.",
    }
    schema["properties"] = {"audio": audio, **schema["properties"]}
    schema["required"] = ["audio", *schema["required"]]
    schema["examples"] = [{"audio": "(the bytes of the file)", "reference_text": "Thank you."}]
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}
