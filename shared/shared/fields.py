"""Types of request fields that several services take."""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator


def _plain(value: str) -> str:
    """PostgreSQL takes no NUL, UTF-8 no lone surrogates; no control character belongs into a sentence."""
    if any(unicodedata.category(each) in {"Cc", "Cs"} and each not in "\n\t" for each in value):
        raise ValueError("must not contain control characters")
    return unicodedata.normalize("NFC", value).strip()


Text = Annotated[str, AfterValidator(_plain)]
"""A text for people: NFC, without control characters and surrounding space. Put length limits after it."""
