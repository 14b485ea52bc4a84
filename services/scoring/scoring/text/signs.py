"""Reads signs aloud where they stand for words."""

import re

from scoring.text.readings import Readings, get_text_after, get_text_before

SIGN_READINGS: dict[str, Readings] = {
    "&": ("and",), "%": ("percent",), "+": ("plus", "and"), "=": ("equals", "is", "is equal to", "equal"),
    "@": ("at",), "°": ("degrees",), "‰": ("per mille",), "±": ("plus or minus", "plus minus"),
    "≈": ("is approximately", "approximately", "is about", "about"),
    "≤": ("is less than or equal to", "less than or equal to", "at most"),
    "≥": ("is greater than or equal to", "greater than or equal to", "at least"),
    "≠": ("is not equal to", "does not equal", "not equal to"),
    "√": ("the square root of", "square root of", "root"), "∞": ("infinity",), "§": ("section", "paragraph"),
    "$": ("dollars", "dollar"), "€": ("euros", "euro"), "£": ("pounds", "pound"), "¥": ("yen", "yuan"),
    "¢": ("cents", "cent"), "₹": ("rupees",), "₽": ("rubles",), "₿": ("bitcoin",),
    "÷": ("divided by", "over"), "×": ("times", "by", "multiplied by", "x"), "∙": ("times",), "⋅": ("times",),
    "½": ("half",),
}  # fmt: skip
BETWEEN_OPERANDS: dict[str, Readings] = {
    "<": ("is less than", "less than", "is smaller than", "smaller than"),
    ">": ("is greater than", "greater than", "is more than", "more than", "is bigger than", "bigger than"),
    "~": ("to", "about", "approximately"), "*": ("times", "star"), "^": ("to the power of", "to the"),
}  # fmt: skip
BEFORE_NUMBERS: dict[str, Readings] = {
    "#": ("number", "hashtag", "pound"), "~": ("about", "approximately", "around", "roughly"),
    "<": ("less than", "under", "fewer than", "below"), ">": ("more than", "over", "greater than", "above"),
    "-": ("minus", "negative"), "–": ("minus", "negative", ""), "^": ("to the power of", "to the"),
}  # fmt: skip
STANDALONE_READINGS: dict[str, Readings] = {
    "#": ("", "hash", "hashtag", "number", "pound", "sharp"), "*": ("", "star", "asterisk"),
    "~": ("", "tilde", "about"), "<": ("", "less than"), ">": ("", "greater than"), "|": ("", "or"),
    "\\": ("", "backslash"),
}  # fmt: skip
POWERS: dict[str, Readings] = {
    "^2": ("squared", "to the power of two"),
    "^3": ("cubed", "to the power of three"),
}
SLASH_BETWEEN_WORDS: Readings = ("", "or", "slash", "and")
SLASH_AFTER_AMOUNT: Readings = ("per", "a", "slash", "", "an")
DASH_BETWEEN_NUMBERS: Readings = ("to", "", "through", "minus", "dash")
MINUS_BETWEEN_NUMBERS: Readings = ("minus", "to", "", "dash", "take away")
DASH_BETWEEN_NAMES: Readings = ("to", "", "through")
NAMES_OF_TIMES = re.compile(
    r"(?:jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec|mon|tues?|wed|thur?s?|fri|sat|sun)[a-z]*\.?$",
    re.IGNORECASE,
)
TIMES = re.compile(r"[x×](?=\s?\d)")
SIGN = re.compile(r"\^[23](?!\d)|[^\w\s]")
OPERAND_BEFORE = re.compile(r"[^\W_]['\")\]%]?\s?$")
OPERAND_AFTER = re.compile(r"\s?[-+(\"'$€£¥√.]?[^\W_]")
NUMBER_BEFORE = re.compile(r"\d(?:\^\d)?[%)°]?(?P<space>\s?)$")
NUMBER_AFTER = re.compile(r"(?P<space>\s?)[$€£¥]?\.?\d")
AMOUNT_BEFORE = re.compile(r"[$€£¥¢]\s?[\d.,]+[kmbn]{0,2}$|\d\s?[A-Za-z%°]{0,4}$")


def read_sign(match: re.Match[str]) -> Readings | None:
    """Return the readings of a sign in its context, or None for punctuation."""
    sign, before, after = match[0], get_text_before(match), get_text_after(match)
    if sign in POWERS:
        return POWERS[sign] if OPERAND_BEFORE.search(before) else ()
    if sign in SIGN_READINGS:
        return SIGN_READINGS[sign]
    if sign == "/":
        return _read_slash(before, after)
    if sign in "-–—":
        return _read_dash(sign, before, after)
    is_number_next = NUMBER_AFTER.match(after)
    if sign in BETWEEN_OPERANDS and OPERAND_BEFORE.search(before) and OPERAND_AFTER.match(after):
        is_approximate = sign == "~" and not NUMBER_BEFORE.search(before)
        return BEFORE_NUMBERS[sign] if is_approximate else BETWEEN_OPERANDS[sign]
    if sign in BEFORE_NUMBERS and is_number_next and not is_number_next["space"]:
        return BEFORE_NUMBERS[sign]
    return STANDALONE_READINGS.get(sign)


def read_times(match: re.Match[str]) -> Readings | None:
    """Read an x between numbers: 5 x 3."""
    return ("times", "by", "x") if NUMBER_BEFORE.search(get_text_before(match)) else None


def _read_slash(before: str, after: str) -> Readings | None:
    if not OPERAND_AFTER.match(after) or not before[-1:].strip():
        return None
    if AMOUNT_BEFORE.search(before):
        return SLASH_AFTER_AMOUNT
    is_and_or = before.lower().endswith("and") and after.lower().startswith("or")
    return ("", "slash") if is_and_or else SLASH_BETWEEN_WORDS


def _read_dash(sign: str, before: str, after: str) -> Readings | None:
    number_before, number_after = NUMBER_BEFORE.search(before), NUMBER_AFTER.match(after)
    if number_before and number_after and sign != "—":
        is_apart = number_before["space"] and number_after["space"]
        return MINUS_BETWEEN_NUMBERS if is_apart and sign == "-" else DASH_BETWEEN_NUMBERS
    if number_after and not number_after["space"] and sign != "—" and not before[-1:].strip(" (\n\"'^"):
        return BEFORE_NUMBERS[sign]
    if sign != "—" and NAMES_OF_TIMES.search(before.rstrip()) and NAMES_OF_TIMES.match(_find_word(after)):
        return DASH_BETWEEN_NAMES
    return None


def _find_word(text: str) -> str:
    match = re.match(r"\s?([A-Za-z]+)", text)
    return match[1] if match else ""
