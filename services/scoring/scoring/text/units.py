"""Reads units of measurement aloud."""

import re
from collections.abc import Iterator

from scoring.text.readings import Readings, get_text_before, join, unite

UNITS: dict[str, tuple[str, ...]] = {
    "km": ("kilometers",), "m": ("meters",), "cm": ("centimeters",), "mm": ("millimeters",),
    "μm": ("micrometers", "microns"), "nm": ("nanometers",), "dm": ("decimeters",), "mi": ("miles",),
    "ft": ("feet", "foot"), "in": ("inches",), "yd": ("yards",), "yds": ("yards",),
    "kg": ("kilograms", "kilos", "k g"), "g": ("grams",), "mg": ("milligrams",), "μg": ("micrograms",),
    "t": ("tons",), "lb": ("pounds",), "lbs": ("pounds",), "oz": ("ounces",), "kgs": ("kilograms", "kilos"),
    "l": ("liters",), "L": ("liters",), "ml": ("milliliters", "m l"), "mL": ("milliliters", "m l"),
    "cl": ("centiliters",), "dl": ("deciliters",), "gal": ("gallons",), "pt": ("pints",), "qt": ("quarts",),
    "s": ("seconds",), "sec": ("seconds",), "secs": ("seconds",), "ms": ("milliseconds",),
    "min": ("minutes",), "mins": ("minutes",), "h": ("hours",), "hr": ("hours",), "hrs": ("hours",),
    "yr": ("years",), "yrs": ("years",), "mo": ("months",), "wk": ("weeks",), "wks": ("weeks",),
    "°C": ("degrees celsius", "degrees", "degrees centigrade", "degrees c"),
    "°F": ("degrees fahrenheit", "degrees", "degrees f"), "°": ("degrees",), "K": ("k", "thousand", "kelvin"),
    "mph": ("miles per hour", "miles an hour", "m p h"),
    "kph": ("kilometers per hour", "kilometers an hour", "k p h"),
    "kmh": ("kilometers per hour", "kilometers an hour"), "rpm": ("r p m", "revolutions per minute"),
    "bpm": ("b p m", "beats per minute"), "mpg": ("m p g", "miles per gallon"),
    "fps": ("f p s", "frames per second"), "Hz": ("hertz",), "kHz": ("kilohertz",), "MHz": ("megahertz",),
    "GHz": ("gigahertz",), "dB": ("decibels", "d b"), "W": ("watts",), "kW": ("kilowatts",),
    "MW": ("megawatts",), "GW": ("gigawatts",), "kWh": ("kilowatt hours",), "V": ("volts",),
    "kV": ("kilovolts",), "mV": ("millivolts",), "A": ("amps", "amperes"), "mA": ("milliamps",),
    "mAh": ("milliamp hours",), "Ω": ("ohms",), "J": ("joules",), "kJ": ("kilojoules",), "N": ("newtons",),
    "Pa": ("pascals",), "hPa": ("hectopascals",), "kPa": ("kilopascals",), "bar": ("bars", "bar"),
    "psi": ("p s i",), "cal": ("calories",), "kcal": ("kilocalories", "calories"), "hp": ("horsepower",),
    "ha": ("hectares",), "kB": ("kilobytes",), "KB": ("kilobytes",), "MB": ("megabytes", "megs", "m b"),
    "GB": ("gigabytes", "gigs", "g b"), "TB": ("terabytes", "t b"), "Mbps": ("megabits per second",),
    "Gbps": ("gigabits per second",), "bit": ("bits", "bit"), "px": ("pixels",), "rad": ("radians",),
    "mol": ("moles",), "lx": ("lux",), "lm": ("lumens",), "ppm": ("parts per million", "p p m"),
    "k": ("thousand", "k"), "bn": ("billion",), "mn": ("million",), "pp": ("percentage points",),
    "pct": ("percent",), "%": ("percent",), "‰": ("per mille", "per thousand"), "x": ("times", "x", "by"),
    "×": ("times", "x", "by"),
}  # fmt: skip
"""The plural names of each symbol, the most usual one first."""
SINGULARS = {"feet": "foot", "inches": "inch", "centuries": "century"}
WITHOUT_SINGULAR = {
    "percent", "thousand", "million", "billion", "hertz", "kilohertz", "megahertz", "gigahertz", "kelvin",
    "lux", "k", "horsepower", "celsius", "x", "times",
}  # fmt: skip
POWERS = {"2": ("square", "squared"), "3": ("cubic", "cubed")}
NOT_IN_QUOTIENTS = {"%", "‰", "°", "k", "bn", "mn", "x", "×", "pp", "pct"}
NOT_AFTER_SPACE = {"in", "A", "pp", "x", "×", "t", "K", "k"}
"""Symbols that may also be words or letters: `5 in 10`, `class 5 A`."""
_SYMBOLS = "|".join(re.escape(symbol) for symbol in sorted(UNITS, key=len, reverse=True))
_FACTORS = "|".join(
    re.escape(symbol) for symbol in sorted(set(UNITS) - NOT_IN_QUOTIENTS, key=len, reverse=True)
)
_POWER = r"power>\^?[23](?!\d))?"
_PER = rf"/(?P<per>{_FACTORS})(?P<per_{_POWER}"
UNIT = rf"(?P<unit>{_SYMBOLS})(?P<{_POWER}(?:{_PER})?(?![^\W\d_]|\^)"
LONE_UNIT = re.compile(
    rf"(?P<unit>{_FACTORS})(?P<{_POWER}{_PER}(?![\w^'])"
    rf"|(?P<area>km|m|cm|mm|ft|in)(?P<area_power>\^?[23])(?![\w^'])"
    r"|(?P<symbol>°[CF]|μm|μg|km|kg|cm|mm|ml|kWh|[kMG]Hz|mph|lbs|kcal|mAh|dB)(?![\w^'])"
)


COMPASS = re.compile(r"(?:(?<=°)|(?<=[°'\"]\s))[NSEW](?![^\W_])")
"""After degrees and minutes."""
DIRECTIONS = {"N": "north", "S": "south", "E": "east", "W": "west"}


def read_unit(match: re.Match[str], *, is_one: bool) -> Readings:
    """Read the groups of UNIT: km/h as kilometers per hour."""
    names = UNITS[match["unit"]]
    if is_one:
        names = unite(map(to_singular, names))
    powered = unite(*(_read_power(name, match["power"]) for name in names))
    if not match["per"]:
        return powered
    below = to_singular(UNITS[match["per"]][0])
    return join(
        powered[:3],
        [f"per {name}" for name in _read_power(below, match["per_power"])] + [_add_article(below)],
    )


def read_lone_unit(match: re.Match[str]) -> Readings:
    if match["symbol"]:
        names = UNITS[match["symbol"]]
        return unite(map(to_singular, names)) if get_text_before(match).endswith("/") else names
    if match["area"]:
        return unite(_read_power(UNITS[match["area"]][0], match["area_power"]))
    return read_unit(match, is_one=False)


def read_compass(match: re.Match[str]) -> Readings:
    return (DIRECTIONS[match[0]], match[0].lower())


def _read_power(name: str, power: str | None) -> Iterator[str]:
    if not power:
        yield name
        return
    before, after = POWERS[power[-1]]
    yield from (
        (f"{name} {after}", f"{before} {name}")
        if name == "second"
        else (f"{before} {name}", f"{name} {after}")
    )


def _add_article(name: str) -> str:
    return f"an {name}" if name == "hour" else f"a {name}"


def to_singular(name: str) -> str:
    first, _, remaining_words = name.partition(" ")
    if first in WITHOUT_SINGULAR or len(first) < 2:
        return name
    if name in ("kilowatt hours", "milliamp hours"):
        return name[:-1]
    return f"{SINGULARS.get(first, first.removesuffix('s'))} {remaining_words}".strip()
