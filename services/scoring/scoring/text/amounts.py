"""Reads amounts aloud: money, measures, fractions, ordinals and other numbers."""

import re
from collections.abc import Iterator, Sequence

from scoring.text import dates, units
from scoring.text.numerals import (
    INTEGER_PATTERN,
    ZERO_WORDS,
    change_last_word,
    read_cardinal,
    read_decimal,
    read_digits,
    read_dotted,
    read_ordinal,
    read_whole,
    spell_cardinal,
    to_ordinal,
    to_plural,
)
from scoring.text.readings import Readings, get_text_after, get_text_before, join, unite

CURRENCIES: dict[str, tuple[tuple[str, str], ...]] = {
    "$": (("dollar", "dollars"),), "€": (("euro", "euros"), ("euro", "euro")),
    "£": (("pound", "pounds"), ("pound", "pound")), "¥": (("yen", "yen"), ("yuan", "yuan")),
    "₹": (("rupee", "rupees"),), "₽": (("ruble", "rubles"),), "₩": (("won", "won"),),
    "₺": (("lira", "lira"),), "₴": (("hryvnia", "hryvnias"),), "₿": (("bitcoin", "bitcoins"),),
    "¢": (("cent", "cents"),), "zł": (("zloty", "zlotys"),), "kr": (("krone", "kroner"), ("krona", "kronor")),
    "usd": (("dollar", "dollars"), ("u s dollar", "u s dollars"), ("u s d", "u s d")),
    "eur": (("euro", "euros"), ("e u r", "e u r")), "gbp": (("pound", "pounds"), ("g b p", "g b p")),
    "chf": (("swiss franc", "swiss francs"), ("franc", "francs"), ("c h f", "c h f")),
}  # fmt: skip
"""Singular and plural, by sign."""
COUNTRIES = {
    "us": "u s", "a": "australian", "au": "australian", "c": "canadian", "ca": "canadian",
    "nz": "new zealand", "hk": "hong kong", "s": "singapore",
}  # fmt: skip
"""Countries, by the prefix of a dollar sign: A$5."""
PARTS = {"$": (("cent", "cents"),), "€": (("cent", "cents"),), "£": (("penny", "pence"), ("p", "p"))}
SCALES = {
    "k": "thousand", "thousand": "thousand", "m": "million", "mn": "million", "mio": "million",
    "million": "million", "b": "billion", "bn": "billion", "billion": "billion", "trillion": "trillion",
    "tn": "trillion", "hundred": "hundred", "dozen": "dozen",
}  # fmt: skip
_SCALE = r"(?:\s?(?P<scale>" + "|".join(sorted(SCALES, key=len, reverse=True)) + r")(?![^\W_]))?"
_SIGNS = r"(?:[$€£¥₹₽₩₺₴₿]|\b(?:USD|EUR|GBP|CHF)\b)"
_NUMBER = rf"(?P<whole>{INTEGER_PATTERN})?(?:(?P<point>[.])(?P<fraction>\d+))?(?<=\d)"
MONEY = re.compile(
    rf"(?P<prefix>(?:US|A|C|NZ|HK|S|AU|CA))?(?P<sign>{_SIGNS})\s?{_NUMBER}{_SCALE}", re.IGNORECASE
)
MONEY_RANGE = re.compile(
    rf"(?P<sign>{_SIGNS})(?P<first>{INTEGER_PATTERN})\s?[-–]\s?(?P=sign)?(?P<last>{INTEGER_PATTERN}{_SCALE})(?![\w.-]*\d)",
    re.IGNORECASE,
)
MONEY_AFTER = re.compile(
    rf"{_NUMBER}{_SCALE}\s?(?P<sign>[$€£¥¢₹₽₩₺₴₿]|zł|(?:kr|USD|EUR|GBP|CHF)\b)(?![\d.]*\d)", re.IGNORECASE
)
MEASURE = re.compile(rf"{_NUMBER}(?P<space>[\s-]?){units.UNIT}")
FEET_AND_INCHES = re.compile(r"(?P<feet>\d{1,2})'\s?(?:(?P<inches>\d{1,2})(?:\"|''))")
INCHES = re.compile(r"(?P<whole>\d+)(?:\.(?P<fraction>\d+))?\"(?![^\W_])")
FRACTION = re.compile(r"(?:(?P<whole>\d+)[ -])?(?<![\d/])(?P<above>\d{1,3})/(?P<below>\d{1,4})(?![\d/]|\.\d)")
ORDINAL = re.compile(rf"(?P<whole>{INTEGER_PATTERN})(?:st|nd|rd|th)(?![^\W_])", re.IGNORECASE)
PLURAL = re.compile(r"(?P<short>')?(?P<whole>\d+)'?s(?![^\W_])", re.IGNORECASE)
DECADE = re.compile(r"'(?P<whole>\d\d)(?!\d)")
DOTTED = re.compile(r"\d+(?:\.\d+){2,}(?!\d)")
DECIMAL = re.compile(rf"(?P<whole>{INTEGER_PATTERN})?(?P<point>[.,])(?P<fraction>\d+)(?!\d)")
NUMBER = re.compile(INTEGER_PATTERN)
EUROPEAN_THOUSANDS = re.compile(r"[1-9]\d{0,2}(?:\.\d{3})+")
SCORE_BEFORE, SCORE_AFTER = re.compile(r"\d\s?[-–]\s?$"), re.compile(r"\s?[-–]\s?\d")
FRACTION_NAMES = {2: (("half", "halves"),), 4: (("quarter", "quarters"), ("fourth", "fourths"))}


def read_money(match: re.Match[str]) -> Readings | None:
    """Read $9.99 as nine dollars and ninety nine cents or nine ninety nine."""
    if not match["whole"] and not match["fraction"]:
        return None
    sign, scale = match["sign"].lower(), match["scale"]
    integer_part, fraction = match["whole"] or "0", match["fraction"]
    units_of = CURRENCIES[sign] + tuple(_name_countries(match.groupdict().get("prefix"), CURRENCIES[sign]))
    if scale:
        scaled = join(
            _read_number(integer_part, fraction), (SCALES[scale.lower()],), [plural for _, plural in units_of]
        )
        return (
            unite(scaled, join(_read_number(integer_part, fraction)[:2], (scale.lower(),)))
            if len(scale) == 1
            else scaled
        )
    if fraction and (len(fraction) != 2 or sign not in PARTS):
        return join(_read_number(integer_part, fraction), [plural for _, plural in units_of])
    if fraction and int(fraction):
        return unite(_read_with_parts(integer_part, fraction, sign))
    counted = read_cardinal(_extract_digits(integer_part))
    return unite(*(join(counted, (_inflect(unit, integer_part),)) for unit in units_of))


def _name_countries(prefix: str | None, names: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    country = COUNTRIES.get((prefix or "").lower())
    if country:
        yield from ((f"{country} {singular}", f"{country} {plural}") for singular, plural in names)


def _read_with_parts(integer_part: str, fraction: str, sign: str) -> Iterator[str]:
    counted, cents = read_cardinal(_extract_digits(integer_part)), spell_cardinal(str(int(fraction)))
    unit, part = _inflect(CURRENCIES[sign][0], integer_part), _inflect(PARTS[sign][0], fraction)
    if int(_extract_digits(integer_part)) == 0:
        yield from (f"{cents} {_inflect(name, fraction)}" for name in PARTS[sign])
    first = counted[0]
    short = f"oh {cents}" if int(fraction) < 10 else cents
    yield from (f"{first} {unit} and {cents} {part}", f"{first} {unit} {cents}", f"{first} {short}")
    yield from (f"{first} {unit} {cents} {part}", f"{first} {unit} and {cents}")
    yield f"{read_decimal(integer_part, fraction)[0]} {to_plural(unit) if unit == 'dollar' else unit}"
    yield from (f"{count} {unit} and {cents} {part}" for count in counted[1:3])
    yield from (f"{first} {_inflect(name, integer_part)} {cents}" for name in CURRENCIES[sign][1:])


def read_money_range(match: re.Match[str]) -> Readings:
    """Read $5-10 as five to ten dollars, or with dollars after each number."""
    sign = match["sign"]
    last = read_money(re.match(MONEY, sign + match["last"])) or ()  # type: ignore[arg-type] # it does match
    first, unit = (
        read_cardinal(_extract_digits(match["first"])),
        _inflect(CURRENCIES[sign][0], match["first"]),
    )
    return join(unite(first[:2], (f"{first[0]} {unit}",)), ("to", ""), last[:4])


def _inflect(unit: tuple[str, str], count: str) -> str:
    singular, plural = unit
    return singular if _extract_digits(count).lstrip("0") == "1" else plural


def read_measure(match: re.Match[str]) -> Readings | None:
    """Read 20 km, 5 %, 30 °C and 80 km/h. Returns None if the unit is a word: 5 in 10."""
    integer_part, fraction, unit = match["whole"], match["fraction"], match["unit"]
    if not integer_part and not fraction:
        return None
    if match["space"] and unit in units.NOT_AFTER_SPACE and not match["per"]:
        return _read_inches(match) if unit == "in" else None
    is_one = not fraction and integer_part == "1"
    names = units.read_unit(match, is_one=is_one)
    if unit == "m" and not match["space"]:
        names = (*names, "million")
    if len(unit) == 1 and unit.isalpha():
        names = (*names, unit.lower())
    numbers = (
        read_whole(integer_part)
        if unit in "x×" and integer_part and not fraction
        else _read_number(integer_part or "", fraction)
    )
    return join(numbers[:4], names)


def _read_inches(match: re.Match[str]) -> Readings | None:
    if not match.string.startswith(".", match.end()):
        return None
    return join(_read_number(match["whole"] or "", match["fraction"]), (*_name_inches(match), "in"))


def read_inches(match: re.Match[str]) -> Readings | None:
    """Read 27". Returns None if the sign may close a quotation."""
    if get_text_before(match).count('"') % 2:
        return None
    return join(_read_number(match["whole"], match["fraction"]), (*_name_inches(match), "inch", ""))


def _name_inches(match: re.Match[str]) -> Readings:
    return ("inch",) if match["whole"] == "1" else ("inches",)


def read_feet_and_inches(match: re.Match[str]) -> Readings:
    feet, inches = spell_cardinal(match["feet"]), spell_cardinal(match["inches"])
    unit, part = (
        ("foot" if match["feet"] == "1" else "feet"),
        ("inch" if match["inches"] == "1" else "inches"),
    )
    return unite(
        (
            f"{feet} foot {inches}",
            f"{feet} {unit} {inches} {part}",
            f"{feet} {inches}",
            f"{feet} {unit} {inches}",
        )
    )


def read_fraction(match: re.Match[str]) -> Readings | None:
    """Read 3/4 and 1 1/2, and also 24/7 and 9/11, which are not fractions."""
    above, below = int(match["above"]), int(match["below"])
    plain = f"{spell_cardinal(match['above'])} {spell_cardinal(match['below'])}"
    if below < 2 or (len(match["below"]) > 3 and below % 1000):
        over = f"{spell_cardinal(match['above'])} over {spell_cardinal(match['below'])}"
        return unite((over, plain))
    parts = unite(_name_parts(above, below))
    if match["whole"]:
        one = {"one half": ("a half", "one half"), "one quarter": ("a quarter", "one quarter")}
        tails = one.get(parts[0], parts)
        return join(read_cardinal(match["whole"]), [f"and {tail}" for tail in tails] + [*tails])
    days = dates.read_short_date(above, below, get_text_before(match))
    return unite((plain,), parts, days) if above >= below else unite(parts, days)


def _name_parts(above: int, below: int) -> Iterator[str]:
    count = spell_cardinal(str(above))
    names = FRACTION_NAMES.get(below) or ((spell_ordinal_number(below), f"{spell_ordinal_number(below)}s"),)
    for singular, plural in names:
        if above == 1:
            without_article = singular.removeprefix("one ")
            yield from (f"one {without_article}", f"a {without_article}")
        else:
            yield f"{count} {plural}"
    if (above, below) == (1, 2):
        yield "half"
        return
    integer_part = spell_cardinal(str(below))
    yield from (
        f"{count} over {integer_part}",
        f"{count} out of {integer_part}",
        f"{count} slash {integer_part}",
        f"{count} {integer_part}",
    )


def spell_ordinal_number(number: int) -> str:
    return change_last_word(spell_cardinal(str(number)), to_ordinal)


def read_ordinal_number(match: re.Match[str]) -> Readings:
    return read_ordinal(_extract_digits(match["whole"]))


def read_plural(match: re.Match[str]) -> Readings:
    """Read 1990s, 20's and '90s."""
    return unite(change_last_word(reading, to_plural) for reading in read_whole(match["whole"]))


def read_decade(match: re.Match[str]) -> Readings:
    digits = match["whole"]
    return (f"oh {spell_cardinal(digits[1])}",) if digits[0] == "0" else read_cardinal(digits)


def read_dotted_number(match: re.Match[str]) -> Readings:
    """Read 3.2.1, and 1.234.567 with European thousands separators."""
    is_one_number = EUROPEAN_THOUSANDS.fullmatch(match[0])
    return read_cardinal(_extract_digits(match[0])) if is_one_number else read_dotted(match[0])


def read_decimal_number(match: re.Match[str]) -> Readings | None:
    """Read 2.05, .5, 3,5, and 7.30, which may be a time."""
    integer_part, fraction = match["whole"] or "", match["fraction"]
    if match["point"] == ",":
        if not integer_part or len(fraction) > 2:
            return None
        return unite(
            read_decimal(integer_part, fraction)[:3], read_decimal(integer_part, fraction, "comma")[:3]
        )
    if not integer_part and match.start() and match.string[match.start() - 1].isalnum():
        return None
    if match["point"] == "." and EUROPEAN_THOUSANDS.fullmatch(match[0]):
        return unite(read_decimal(integer_part, fraction)[:6], read_cardinal(integer_part + fraction)[:3])
    may_be_time = len(fraction) == 2 and fraction < "60" and integer_part.isdigit() and int(integer_part) < 25
    if not may_be_time:
        return read_decimal(integer_part, fraction)
    hour, minute = spell_cardinal(integer_part), spell_cardinal(str(int(fraction)))
    clock = f"{hour} oh {minute}" if fraction[0] == "0" else f"{hour} {minute}"
    return unite(read_decimal(integer_part, fraction)[:10], (clock if int(fraction) else f"{hour} o'clock",))


def read_number(match: re.Match[str]) -> Readings:
    is_score = SCORE_BEFORE.search(get_text_before(match)) or SCORE_AFTER.match(get_text_after(match))
    return ZERO_WORDS if match[0] == "0" and is_score else read_whole(match[0])


def _read_number(integer_part: str, fraction: str | None) -> Readings:
    if fraction:
        return read_decimal(integer_part, fraction)
    digits = _extract_digits(integer_part)
    return read_digits(digits) if digits[0] == "0" and len(digits) > 1 else read_cardinal(digits)


def _extract_digits(number_text: str) -> str:
    return re.sub(r"\D", "", number_text)
