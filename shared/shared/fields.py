"""Types of request fields that several services take."""

import unicodedata
from itertools import groupby
from typing import Annotated

from pydantic import AfterValidator

MOST_MARKS = 30
"""Combining marks on one character: the limit of Unicode's Stream-Safe Text Format (UAX #15, section 13)."""


def _plain(value: str) -> str:
    """PostgreSQL takes no NUL, UTF-8 no lone surrogates; no control character belongs into a sentence."""
    if any(unicodedata.category(each) in {"Cc", "Cs"} and each not in "\n\t" for each in value):
        raise ValueError("must not contain control characters")
    # A run of marks is normalised in quadratic time: one that fills a request body would take minutes.
    for marks, run in groupby(value, key=lambda character: unicodedata.combining(character) > 0):
        if marks and sum(1 for _ in run) > MOST_MARKS:
            raise ValueError("must not pile up combining marks")
    composed = unicodedata.normalize("NFC", value).strip()
    if composed and all(unicodedata.category(each) in {"Cf", "Zs", "Mn"} for each in composed):
        raise ValueError("must contain something that can be seen")
    return composed


Text = Annotated[str, AfterValidator(_plain)]
"""A text for people: NFC, without control characters and surrounding space. Put length limits after it."""
