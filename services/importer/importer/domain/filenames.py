"""Normalisation of recording names in uploads, archives and tables."""

import unicodedata

MAX_NAME_LENGTH = 255
MAX_RAW_LENGTH = 4 * MAX_NAME_LENGTH
"""Composing a name may shorten it. Longer names are rejected without composing them."""
MAX_EXTENSION_LENGTH = 10

# Control and zero-width characters: direction marks can make a name look like another one.
_INVISIBLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def clean_filename(name: str) -> str | None:
    """Return the file name without folders and invisible characters, or None if nothing usable remains."""
    if len(base := name.replace("\\", "/").rpartition("/")[2]) > MAX_RAW_LENGTH:
        return None
    # Fast path for most names, of which an import compares a million.
    if base.isascii() and base.isprintable():
        cleaned = base.strip()
    else:
        cleaned = unicodedata.normalize("NFC", "".join(map(_clean_character, base))).strip()
    is_usable = bool(cleaned.strip(". ")) and len(cleaned) <= MAX_NAME_LENGTH
    return cleaned if is_usable and len(to_name_key(cleaned)) <= MAX_NAME_LENGTH else None


def _clean_character(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Zs":
        return " "
    return "" if category in _INVISIBLE else character


def to_name_key(name: str) -> str:
    """Return a key that is equal for names that differ only in case or accent encoding."""
    if name.isascii():
        return name.casefold()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def add_suffix(name: str, number: int) -> str:
    """Return `name_1.mp3` for `name.mp3` and 1, truncating the name if necessary."""
    stem, dot, extension = name.rpartition(".")
    if not stem or len(extension) > MAX_EXTENSION_LENGTH:
        stem, dot, extension = name, "", ""
    tail = f"_{number}{dot}{extension}"
    room = MAX_NAME_LENGTH - len(tail)
    while len(to_name_key(stem[:room] + tail)) > MAX_NAME_LENGTH:
        room -= 1
    return stem[:room] + tail
