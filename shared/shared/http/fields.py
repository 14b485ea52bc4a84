"""Types of request fields that several services accept."""

import unicodedata
from itertools import groupby
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, model_validator

MAX_OBJECT_FIELDS = 100
"""Fields of a JSON object: an error for each of 10,000 unknown ones would take long to list."""
MAX_COMBINING_MARKS = 30
"""Combining marks on one character: the limit of Unicode's Stream-Safe Text Format (UAX #15, section 13)."""

SPACE = (
    "\t\n \xa0\u1680"
    + "".join(map(chr, range(0x2000, 0x200C)))
    + "\u2028\u2029\u202f\u205f\u2060\u3000\ufeff"
)
"""Trimmed from both ends: white space, and characters without width that join nothing."""
BLANK = "\u115f\u1160\u2800\u3164\uffa0"
"""Letters and signs without ink: Hangul fillers, and a Braille cell without dots."""


def clean_text(value: str) -> str:
    # PostgreSQL refuses NUL, UTF-8 refuses lone surrogates, and no sentence needs control characters.
    if any(unicodedata.category(each) in {"Cc", "Cs"} and each not in "\n\t" for each in value):
        raise ValueError("must not contain control characters")
    # Normalising a run of marks takes quadratic time: a body full of them would take minutes.
    for marks, run in groupby(value, key=lambda character: unicodedata.combining(character) > 0):
        if marks and sum(1 for _ in run) > MAX_COMBINING_MARKS:
            raise ValueError("must not pile up combining marks")
    composed = unicodedata.normalize("NFC", value).strip()
    if composed and all(
        unicodedata.category(each) in {"Cf", "Zs", "Mn"} or each in BLANK for each in composed
    ):
        raise ValueError("must contain a visible character")
    return composed.strip(SPACE)


DisplayText = Annotated[str, AfterValidator(clean_text)]
"""Text for people: NFC, without control characters and surrounding space. Put length limits after it."""


class RequestModel(BaseModel):
    """An object in a request. Unknown fields are refused: a misspelt option would silently do nothing."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _has_few_fields(cls, value: object) -> object:
        if isinstance(value, dict) and len(value) > MAX_OBJECT_FIELDS:
            raise ValueError(f"must have at most {MAX_OBJECT_FIELDS} fields")
        return value
