"""Types of request fields that several services take."""

import unicodedata
from itertools import groupby
from typing import Annotated

from pydantic import AfterValidator

MOST_MARKS = 30
"""Combining marks on one character: the limit of Unicode's Stream-Safe Text Format (UAX #15, section 13)."""

SPACE = (
    "\t\n \xa0\u1680"
    + "".join(map(chr, range(0x2000, 0x200C)))
    + "\u2028\u2029\u202f\u205f\u2060\u3000\ufeff"
)
"""What does not count around a text: white space, and what has no width and joins nothing."""
BLANK = "\u115f\u1160\u2800\u3164\uffa0"
"""Letters and signs that show nothing: the fillers of Hangul, and a Braille cell without dots."""


def _plain(value: str) -> str:
    """PostgreSQL takes no NUL, UTF-8 no lone surrogates; no control character belongs into a sentence."""
    if any(unicodedata.category(each) in {"Cc", "Cs"} and each not in "\n\t" for each in value):
        raise ValueError("must not contain control characters")
    # A run of marks is normalised in quadratic time: one that fills a request body would take minutes.
    for marks, run in groupby(value, key=lambda character: unicodedata.combining(character) > 0):
        if marks and sum(1 for _ in run) > MOST_MARKS:
            raise ValueError("must not pile up combining marks")
    composed = unicodedata.normalize("NFC", value).strip()
    if composed and all(
        unicodedata.category(each) in {"Cf", "Zs", "Mn"} or each in BLANK for each in composed
    ):
        raise ValueError("must contain something that can be seen")
    return composed.strip(SPACE)


Text = Annotated[str, AfterValidator(_plain)]
"""A text for people: NFC, without control characters and surrounding space. Put length limits after it."""
