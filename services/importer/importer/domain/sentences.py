"""Sentences and names as they are compared, as 64-bit hashes: a million take 8 MB."""

import hashlib
import unicodedata


def hash_sentence(text: str) -> int:
    """Return a number that case, white space and the encoding of accents do not change."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
    return _hash(" ".join(text.casefold().split()))


def hash_name(name_key: str) -> int:
    return _hash(name_key)


def _hash(text: str) -> int:
    # In a million rows, two different texts share a hash with a probability of 3e-8.
    digest = hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)
