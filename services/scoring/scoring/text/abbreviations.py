"""Reads abbreviations as the words they stand for. Keys are in lower case, without full stops."""

import re

from scoring.text.readings import Readings, get_text_after, get_text_before, unite
from scoring.text.signs import NAMES_OF_TIMES

UNAMBIGUOUS_ABBREVIATIONS: dict[str, tuple[str, ...]] = {
    "mr": ("mister",), "mrs": ("missus",), "dr": ("doctor", "drive"), "st": ("saint", "street"),
    "prof": ("professor", "prof"), "vs": ("versus", "v s"), "etc": ("et cetera", "and so on"),
    "jr": ("junior",), "sr": ("senior",), "ltd": ("limited", "l t d"), "dept": ("department",),
    "approx": ("approximately",), "blvd": ("boulevard",), "sgt": ("sergeant",), "capt": ("captain",),
    "lt": ("lieutenant",), "govt": ("government",), "sept": ("september",), "tues": ("tuesday",),
    "thurs": ("thursday",), "thur": ("thursday",), "appt": ("appointment",), "asst": ("assistant",),
    "hwy": ("highway",), "pkg": ("package",), "msg": ("message",), "pls": ("please",), "thx": ("thanks",),
    "ft": ("feet", "featuring", "fort", "f t"), "mgr": ("manager",), "bldg": ("building",),
    "corp": ("corporation", "corp"), "intl": ("international",), "wk": ("week",), "yrs": ("years",),
    "yr": ("year",), "hrs": ("hours",), "hr": ("hour", "h r"), "mins": ("minutes",), "secs": ("seconds",),
    "qty": ("quantity",), "wt": ("weight",), "lbs": ("pounds",), "lb": ("pound",),
    "oz": ("ounces", "ounce", "oz"), "phd": ("p h d",), "ms": ("ms", "miss", "m s"),
    "btw": ("by the way", "b t w"), "asap": ("a s a p", "asap", "as soon as possible"), "rsvp": ("r s v p",),
    "wifi": ("wi fi",), "vip": ("v i p", "vip"), "diy": ("d i y",), "mph": ("miles per hour", "m p h"),
    "nth": ("nth",),
}  # fmt: skip
"""Read with or without a full stop."""
WITH_FULL_STOP: dict[str, tuple[str, ...]] = {
    "ave": ("avenue",), "rd": ("road",), "inc": ("incorporated", "inc"), "co": ("company", "co"),
    "gen": ("general",), "gov": ("governor",), "pres": ("president",), "sen": ("senator",),
    "rep": ("representative",), "rev": ("reverend",), "hon": ("honorable",), "col": ("colonel",),
    "maj": ("major",), "mt": ("mount", "mountain"), "est": ("established", "estimated", "e s t"),
    "incl": ("including", "included"), "misc": ("miscellaneous",), "temp": ("temperature", "temp"),
    "tel": ("telephone", "tel"), "ext": ("extension",), "max": ("maximum", "max"), "avg": ("average",),
    "min": ("minutes", "minimum", "minute", "min"), "univ": ("university",), "assoc": ("association",),
    "ed": ("edition", "editor", "ed"), "eds": ("editors",), "esp": ("especially",), "apt": ("apartment",),
    "mon": ("monday",), "sat": ("sat", "saturday"), "sun": ("sun", "sunday"), "tue": ("tuesday",),
    "wed": ("wednesday",), "thu": ("thursday",), "fri": ("friday",), "jan": ("january",),
    "feb": ("february",), "mar": ("march",), "apr": ("april",), "jun": ("june",), "jul": ("july",),
    "aug": ("august",), "oct": ("october",), "nov": ("november",), "dec": ("december",),
    "ca": ("circa", "about"), "cf": ("compare", "c f"), "bros": ("brothers",), "jct": ("junction",),
    "sq": ("square",), "vol": ("volume",),
}  # fmt: skip
BEFORE_A_NUMBER: dict[str, tuple[str, ...]] = {
    "no": ("number",), "nos": ("numbers",), "nr": ("number",), "p": ("page", "p"), "pp": ("pages", "p p"),
    "vol": ("volume",), "ch": ("chapter",), "fig": ("figure",), "sec": ("section",), "art": ("article",),
    "rm": ("room",), "apt": ("apartment",), "ext": ("extension",), "tel": ("telephone", "tel"),
    "ca": ("circa", "about"), "v": ("version", "versus", "v"), "pt": ("part",), "jan": ("january",),
    "feb": ("february",), "mar": ("march",), "apr": ("april",), "jun": ("june",), "jul": ("july",),
    "aug": ("august",), "oct": ("october",), "nov": ("november",), "dec": ("december",),
}  # fmt: skip
NEEDING_FULL_STOP = {"no", "art", "sec", "p", "v", "ca", "mar", "jun", "dec", "nos", "pt", "fig"}
"""These may be words, even before a number. With a full stop or a capital, as in `No 5`, they are
abbreviations.
"""
TITLE_OR_STREET = {"dr", "st"}
INITIALS: dict[str, tuple[str, ...]] = {
    "eg": ("for example", "e g", "for instance"), "ie": ("that is", "i e"), "aka": ("also known as", "a k a"),
    "am": ("a m",), "pm": ("p m",), "ad": ("a d",), "bc": ("b c",), "ce": ("c e",), "bce": ("b c e",),
    "ps": ("p s",), "na": ("n a",), "viz": ("namely",),
}  # fmt: skip
"""Letters with a full stop after each."""
WITH_SLASH: dict[str, tuple[str, ...]] = {
    "w/o": ("without",), "w/": ("with",), "n/a": ("not applicable", "n a", "not available"),
    "c/o": ("care of", "c o"), "a/c": ("a c", "account", "air conditioning"), "b/c": ("because",),
    "y/o": ("years old", "year old"), "24/7": ("twenty four seven",), "9/11": ("nine eleven",),
}  # fmt: skip
WITH_APOSTROPHE: dict[str, tuple[str, ...]] = {
    "em": ("em", "them"), "til": ("til", "until"), "till": ("till", "until"), "cause": ("cause", "because"),
    "bout": ("bout", "about"), "round": ("round", "around"), "tis": ("tis", "it is"),
    "twas": ("twas", "it was"), "n": ("n", "and"),
}  # fmt: skip
"""Words that have lost their beginning: 'em."""

ABBREVIATION = re.compile(r"(?P<word>[A-Za-z]+)(?!'?[^\W_])(?P<stop>\.)?")
SLASHED = re.compile("|".join(map(re.escape, sorted(WITH_SLASH, key=len, reverse=True))), re.IGNORECASE)
NEXT_NUMBER = re.compile(r"\s?#?\d")
NEXT_CAPITAL = re.compile(r"\s?[A-Z]")
WITHIN_SENTENCE = re.compile(r"\s?[a-z,\d]")


def read_abbreviation(match: re.Match[str]) -> Readings | None:
    """Read Mr., etc, No. 1 and St.; the full stop belongs to the abbreviation."""
    word, after = match["word"].lower(), get_text_after(match)
    may_count = match["stop"] or word not in NEEDING_FULL_STOP
    if word in BEFORE_A_NUMBER and NEXT_NUMBER.match(after) and (may_count or match["word"].istitle()):
        return unite(BEFORE_A_NUMBER[word], () if may_count else (word,))
    if word in UNAMBIGUOUS_ABBREVIATIONS:
        return _order_by_place(word, after)
    if word in WITH_FULL_STOP and (_is_in_range(match) or (match["stop"] and not _is_sentence_end(match))):
        return unite(WITH_FULL_STOP[word], (word,))
    return None


def read_slashed(match: re.Match[str]) -> Readings | None:
    is_part = not match[0].endswith("/") and get_text_after(match)[:1].isalnum()
    return None if is_part or get_text_before(match).endswith("/") else WITH_SLASH[match[0].lower()]


def _order_by_place(word: str, after: str) -> Readings:
    """Return the reading that follows a name first, unless a name comes next: Elm Dr."""
    readings = UNAMBIGUOUS_ABBREVIATIONS[word]
    is_street = word in TITLE_OR_STREET and not NEXT_CAPITAL.match(after)
    return readings[::-1] if is_street else readings


def _is_in_range(match: re.Match[str]) -> bool:
    """Return whether this is a day or month next to a dash: Mon-Fri."""
    around = get_text_before(match)[-1:] + get_text_after(match)[:1]
    return bool(NAMES_OF_TIMES.fullmatch(match["word"])) and not set(around).isdisjoint("-–")


def _is_sentence_end(match: re.Match[str]) -> bool:
    """Return whether this is a word in lower case at the end of a sentence."""
    return match["word"].islower() and not WITHIN_SENTENCE.match(get_text_after(match))
