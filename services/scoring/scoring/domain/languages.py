"""Matches a language tag."""

from collections.abc import Sequence


def find_language(tag: str, languages: Sequence[str]) -> str | None:
    """Return the language with the tag, or else the first that extends it, as `en-US` extends `en`.

    Case is ignored, and `_` is `-`: basic filtering of RFC 4647, section 3.3.1.
    """
    wanted = tag.replace("_", "-").lower()
    exact = (language for language in languages if language.lower() == wanted)
    longer = (language for language in languages if language.lower().startswith(f"{wanted}-"))
    return next(exact, None) or next(longer, None)
