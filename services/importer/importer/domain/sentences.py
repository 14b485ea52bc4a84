"""64-bit hashes of normalised sentences and names: a million take 8 MB."""

import hashlib
import unicodedata


def hash_sentence(text: str) -> int:
    """Return a hash that ignores case, white space and accent encoding."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
    return _hash(" ".join(text.casefold().split()))


def hash_name(name_key: str) -> int:
    return _hash(name_key)


def _hash(text: str) -> int:
    # In a million rows, two different texts share a hash with a probability of 3e-8.
    digest = hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)
