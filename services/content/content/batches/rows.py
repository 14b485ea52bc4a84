from typing import Annotated

from contracts.importer import ImportedRow
from contracts.vocabulary import MAX_SPEECH_TEXT_LENGTH, MAX_TAG_NAME_LENGTH, MAX_TAGS_PER_SPEECH
from pydantic import Field

MAX_KEY_LENGTH = 1024
MAX_DURATION_MS = 2**31 - 1

# PostgreSQL refuses NUL, and the table of tags refuses names with spaces around them.
_Text = Annotated[str, Field(min_length=1, max_length=MAX_SPEECH_TEXT_LENGTH, pattern=r"^[^\x00]*$")]
_Name = Annotated[str, Field(max_length=MAX_TAG_NAME_LENGTH, pattern=r"^[^ \x00]([^\x00]*[^ \x00])?$")]
_Key = Annotated[str, Field(max_length=MAX_KEY_LENGTH, pattern=r"^speeches/[^/\x00]+$")]


class BatchRow(ImportedRow):
    """A row that fits content's tables. The importer has validated it; this checks what content relies on."""

    text: _Text
    tags: list[_Name] = Field(max_length=MAX_TAGS_PER_SPEECH)
    audio_key: _Key
    duration_ms: int = Field(gt=0, le=MAX_DURATION_MS)
