"""Types of request fields that several services accept."""

import re
import unicodedata
from dataclasses import dataclass
from itertools import groupby
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticKnownError, core_schema

MAX_OBJECT_FIELDS = 100
"""Fields of a JSON object: an error for each of 10,000 unknown ones would take long to list."""
MAX_DECOMPOSED_CHARACTERS = 4
"""Characters that normalisation may combine into one (UAX #15), for limiting text before normalising it."""
MAX_COMBINING_MARKS = 30
"""Combining marks on one character: the limit of Unicode's Stream-Safe Text Format (UAX #15, section 13)."""

SPACE = (
    "\t\n \xa0\u1680"
    + "".join(map(chr, range(0x2000, 0x200C)))
    + "\u2028\u2029\u202f\u205f\u2060\u3000\ufeff"
)
"""Trimmed from both ends: white space, and zero-width characters that join nothing."""
BLANK = "\u115f\u1160\u2800\u3164\uffa0"
"""Blank letters and symbols: Hangul fillers, and an empty Braille cell."""

# PostgreSQL refuses NUL, UTF-8 refuses lone surrogates, and no sentence needs control characters.
CONTROL_CHARACTER = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
CONTROLS = r"\u0000-\u0008\u000b-\u001f\u007f-\u009f"
"""The same as a JSON Schema pattern, without lone surrogates, which are not JSON text."""
POSSIBLE_MARKS = re.compile(f"[\u0300-\U0010ffff]{{{MAX_COMBINING_MARKS + 1},}}")
"""U+0300 is the first combining mark. Longer runs are rare enough to check each character."""


@dataclass(frozen=True)
class DisplayText:
    """Text for people, `Annotated[str, DisplayText(…)]`: NFC, without control characters, trimmed."""

    max_length: int
    min_length: int = 0

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.clean, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        # A field may state a narrower pattern.
        pattern = {"pattern": build_text_pattern(required=self.min_length > 0)}
        bounds = {"minLength": self.min_length} if self.min_length else {}
        return {**pattern, **handler(schema), "maxLength": self.max_length, **bounds}

    def clean(self, value: str) -> str:
        # The following checks scan every character, so a long text would delay all other requests.
        if len(value) > self.max_length * MAX_DECOMPOSED_CHARACTERS:
            raise PydanticKnownError("string_too_long", {"max_length": self.max_length})
        cleaned = clean_text(value)
        if len(cleaned) > self.max_length:
            raise PydanticKnownError("string_too_long", {"max_length": self.max_length})
        if len(cleaned) < self.min_length:
            raise PydanticKnownError("string_too_short", {"min_length": self.min_length})
        return cleaned


def build_text_pattern(*, required: bool, forbidden: str = "") -> str:
    """Return the pattern of a text without control and forbidden characters; a required one is not blank."""
    # Without look-ahead, which some client generators do not support.
    visible = rf"[^{CONTROLS}{forbidden}\S]*[^{CONTROLS}{forbidden}\s]" if required else ""
    return f"^{visible}[^{CONTROLS}{forbidden}]*$"


def clean_text(value: str) -> str:
    """Normalise a text of bounded length. Raises ValueError."""
    if CONTROL_CHARACTER.search(value):
        raise ValueError("must not contain control characters")
    # Normalising a run of marks takes quadratic time: a large body of them would take minutes.
    for run in POSSIBLE_MARKS.findall(value):
        if _count_marks(run) > MAX_COMBINING_MARKS:
            raise ValueError("must not contain long runs of combining marks")
    composed = unicodedata.normalize("NFC", value).strip()
    if composed and all(
        unicodedata.category(character) in {"Cf", "Zs", "Mn"} or character in BLANK for character in composed
    ):
        raise ValueError("must contain a visible character")
    return composed.strip(SPACE)


def _count_marks(text: str) -> int:
    """Return the length of the longest run of combining marks."""
    runs = groupby(text, key=lambda character: unicodedata.combining(character) > 0)
    return max((sum(1 for _ in run) for marks, run in runs if marks), default=0)


def _to_integer(value: object) -> object:
    # JSON has one kind of number, and some writers add `.0` to all of them.
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


Integer = Annotated[int, Field(strict=True), BeforeValidator(_to_integer)]
"""An integer in a JSON body. Strings and booleans are rejected."""


class RequestModel(BaseModel):
    """An object in a request. Unknown fields are refused: a misspelt option would silently do nothing."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _ensure_few_fields(cls, value: object) -> object:
        if isinstance(value, dict) and len(value) > MAX_OBJECT_FIELDS:
            raise ValueError(f"must have at most {MAX_OBJECT_FIELDS} fields")
        return value
