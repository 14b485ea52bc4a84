from typing import Literal

from pydantic import BaseModel, Field
from shared.audio.formats import FORMATS

from scoring.types import MAX_AUDIO_SECONDS


class CapabilitiesRead(BaseModel):
    """The languages, formats and details that scoring supports."""

    provider: str = Field(
        description="The preferred provider, to which the other fields apply. Each score names its own.",
        examples=["offline"],
    )
    scorer: str = Field(
        description="The preferred provider and the version of its scores.", examples=["offline-2"]
    )
    languages: list[str] = Field(description="Values for `language`.", examples=[["en-US"]])
    phoneme_alphabet: Literal["arpabet", "ipa"] = Field(
        description="The alphabet of `phonemes.symbol`.", examples=["arpabet"]
    )
    prosody: bool = Field(
        description="Whether `prosody_score` is available, at least in `en-US`.", examples=[True]
    )
    max_seconds: int = Field(description="The longest recording, in seconds.", examples=[MAX_AUDIO_SECONDS])
    validated_on: list[str] = Field(
        description="Native languages of the speakers whose scores were compared with human ratings. The "
        "accuracy for other speakers is unknown.",
        examples=[["Mandarin Chinese"]],
    )
    formats: list[str] = Field(
        description="The accepted containers.",
        examples=[["wav", "mp3", "m4a", "aac", "ogg", "flac", "webm"]],
    )
    codecs: dict[str, list[str]] = Field(
        description="The codecs accepted in each container.",
        examples=[{known.name: list(known.codecs) for known in FORMATS}],
    )
