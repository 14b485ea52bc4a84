"""Reads e-mail and web addresses, hashtags and user names aloud, piece by piece."""

import re
from collections.abc import Iterator

from scoring.text.initials import read_piece, spell
from scoring.text.readings import Readings

DOMAINS = "com|org|net|edu|gov|info|io|uk|eu|de|fr|pl|ru|cn|jp|tv|app|dev|ai|co|ca|au|biz"
READ_DOMAINS = {"com", "org", "net", "info", "app", "dev", "biz", "gov"}
EMAIL = re.compile(r"[^\W_][\w.+%-]*@[\w-]+(?:\.[\w-]+)+")
WEB = re.compile(
    rf"(?:https?://[\w-]+|www\.[\w-]+)(?:[./?=&%#~_+:-]+\w+)*/?"
    rf"|(?<![\w.])[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.(?:{DOMAINS})(?![\w-])(?:/\w+)*"
)
TAG = re.compile(r"(?P<sign>[#@])(?P<name>[^\W\d_]\w*)")
SCHEME = re.compile(r"https?://")
PIECE = re.compile(r"\d+|[^\W\d_]+|[^\w\s]|_")
SIGNS: dict[str, Readings] = {
    "@": ("at",), ".": ("dot", "point"), "-": ("dash", "hyphen", "minus"), "_": ("underscore",),
    "+": ("plus",), "/": ("slash", "forward slash"), ":": ("colon",), "?": ("question mark",),
    "=": ("equals",), "&": ("and",), "#": ("hash", "hashtag"), "%": ("percent",), "~": ("tilde",),
}  # fmt: skip
SPOKEN_BY = {"#": ("hashtag",), "@": ("at",)}


def read_address(found: re.Match[str]) -> Iterator[tuple[int, int, Readings]]:
    scheme = SCHEME.match(found[0])
    if scheme:
        letters = spell(scheme[0].removesuffix("://"))
        yield found.start(), found.start() + scheme.end(), ("", f"{letters} colon slash slash")
    for piece in PIECE.finditer(found[0], scheme.end() if scheme else 0):
        start = found.start() + piece.start()
        yield start, start + len(piece[0]), _read_piece(piece[0])


def _read_piece(piece: str) -> Readings:
    if piece in SIGNS:
        return SIGNS[piece]
    if piece.lower() in READ_DOMAINS:
        return (piece.lower(),)
    if piece.lower() == "www":
        return ("w w w", "triple w", "world wide web")
    return read_piece(piece) if piece[0].isalnum() else ()


def read_tag(found: re.Match[str]) -> Iterator[tuple[int, int, Readings]]:
    yield found.start(), found.start() + 1, SPOKEN_BY[found["sign"]]
    for piece in PIECE.finditer(found["name"]):
        start = found.start("name") + piece.start()
        yield start, start + len(piece[0]), () if piece[0] == "_" else read_piece(piece[0])
