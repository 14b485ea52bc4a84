"""Reads e-mail and web addresses, hashtags and user names aloud, piece by piece."""

import re
from collections.abc import Iterator

from scoring.text.initials import read_piece, spell
from scoring.text.readings import Readings

DOMAINS = "com|org|net|edu|gov|info|io|uk|eu|de|fr|pl|ru|cn|jp|tv|app|dev|ai|co|ca|au|biz"
READ_DOMAINS = {"com", "org", "net", "info", "app", "dev", "biz", "gov"}
EMAIL = re.compile(r"[^\W_][\w.+%-]*@[\w-]+(?:\.[\w-]+)+")
WEB_ADDRESS = re.compile(
    rf"(?:https?://[\w-]+|www\.[\w-]+)(?:[./?=&%#~_+:-]+\w+)*/?"
    rf"|(?<![\w.])[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.(?:{DOMAINS})(?![\w-])(?:/\w+)*"
)
TAG = re.compile(r"(?P<sign>[#@])(?P<name>[^\W\d_]\w*)")
SCHEME = re.compile(r"https?://")
SEGMENT = re.compile(r"\d+|[^\W\d_]+|[^\w\s]|_")
SIGNS: dict[str, Readings] = {
    "@": ("at",), ".": ("dot", "point"), "-": ("dash", "hyphen", "minus"), "_": ("underscore",),
    "+": ("plus",), "/": ("slash", "forward slash"), ":": ("colon",), "?": ("question mark",),
    "=": ("equals",), "&": ("and",), "#": ("hash", "hashtag"), "%": ("percent",), "~": ("tilde",),
}  # fmt: skip
SIGN_WORDS = {"#": ("hashtag",), "@": ("at",)}


def read_address(match: re.Match[str]) -> Iterator[tuple[int, int, Readings]]:
    scheme = SCHEME.match(match[0])
    if scheme:
        letters = spell(scheme[0].removesuffix("://"))
        yield match.start(), match.start() + scheme.end(), ("", f"{letters} colon slash slash")
    for segment in SEGMENT.finditer(match[0], scheme.end() if scheme else 0):
        start = match.start() + segment.start()
        yield start, start + len(segment[0]), _read_piece(segment[0])


def _read_piece(segment: str) -> Readings:
    if segment in SIGNS:
        return SIGNS[segment]
    if segment.lower() in READ_DOMAINS:
        return (segment.lower(),)
    if segment.lower() == "www":
        return ("w w w", "triple w", "world wide web")
    return read_piece(segment) if segment[0].isalnum() else ()


def read_tag(match: re.Match[str]) -> Iterator[tuple[int, int, Readings]]:
    yield match.start(), match.start() + 1, SIGN_WORDS[match["sign"]]
    for segment in SEGMENT.finditer(match["name"]):
        start = match.start("name") + segment.start()
        yield start, start + len(segment[0]), () if segment[0] == "_" else read_piece(segment[0])
