"""Matches a language tag."""

from collections.abc import Sequence


def find_language(tag: str, languages: Sequence[str]) -> str | None:
    """Return the language with this tag, or else the first one that extends it, as `en-US` extends `en`.

    Case is ignored, and `_` means `-` (basic filtering, RFC 4647, section 3.3.1).
    """
    normalized = tag.replace("_", "-").lower()
    exact = (language for language in languages if language.lower() == normalized)
    longer = (language for language in languages if language.lower().startswith(f"{normalized}-"))
    return next(exact, None) or next(longer, None)
