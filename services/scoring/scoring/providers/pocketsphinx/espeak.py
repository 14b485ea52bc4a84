"""Pronunciations of words outside the dictionary, by eSpeak NG (GPL: a separate process, never linked)."""

# ruff: noqa: RUF001 - the phonetic alphabet contains look-alikes of Latin letters

import re
import shutil
import subprocess
from functools import lru_cache

TIMEOUT_SECONDS = 1.0
VOICE = "en-us"

ARPABET_BY_IPA = {
    "tʃ": "CH", "dʒ": "JH", "aɪ": "AY", "aʊ": "AW", "eɪ": "EY", "oʊ": "OW", "ɔɪ": "OY", "iː": "IY",
    "uː": "UW", "ɑː": "AA", "ɔː": "AO", "oː": "AO", "ɜː": "ER", "ɚ": "ER", "ɝ": "ER", "əl": "AH L",
    "n̩": "AH N", "l̩": "AH L", "i": "IY", "ɪ": "IH", "ᵻ": "IH", "ɛ": "EH", "e": "EH", "æ": "AE",
    "a": "AA", "ɑ": "AA", "ɒ": "AA", "ɔ": "AO", "o": "OW", "ʊ": "UH", "u": "UW", "ʌ": "AH", "ə": "AH",
    "ɐ": "AH", "p": "P", "b": "B", "t": "T", "ɾ": "T", "ʔ": "T", "d": "D", "k": "K", "x": "K", "ɡ": "G",
    "g": "G", "f": "F", "v": "V", "θ": "TH", "ð": "DH", "s": "S", "z": "Z", "ʃ": "SH", "ʒ": "ZH",
    "h": "HH", "m": "M", "n": "N", "ŋ": "NG", "l": "L", "ɹ": "R", "r": "R", "w": "W", "j": "Y",
}  # fmt: skip
"""Maps the IPA that eSpeak NG uses for American English to the phonemes of the acoustic model."""

IPA_SYMBOL = re.compile("|".join(sorted(map(re.escape, ARPABET_BY_IPA), key=len, reverse=True)))
IGNORED_MARKS = str.maketrans("", "", "ˈˌ \n")
"""Stress marks and white space."""


class EspeakTimeout(Exception):
    pass


def pronounce(word: str) -> str | None:
    """Return the phonemes in ARPAbet, separated by spaces, or None. Raises EspeakTimeout."""
    ipa = _to_ipa(word).translate(IGNORED_MARKS)
    leftover = IPA_SYMBOL.sub("", ipa).strip("ː")
    return (
        " ".join(ARPABET_BY_IPA[sound] for sound in IPA_SYMBOL.findall(ipa)) if ipa and not leftover else None
    )


@lru_cache(maxsize=10_000)
def _to_ipa(word: str) -> str:
    program = shutil.which("espeak-ng")
    if program is None:
        return ""
    command = [program, "-q", "--ipa", "-v", VOICE, "--stdin"]
    try:
        # The word is not an argument, so that it cannot be taken for an option.
        answer = subprocess.run(  # noqa: S603 - a fixed command, without a shell
            command, input=word.encode(), capture_output=True, timeout=TIMEOUT_SECONDS, check=True
        )
    except subprocess.TimeoutExpired as error:
        raise EspeakTimeout from error
    except (OSError, subprocess.CalledProcessError):
        return ""
    return answer.stdout.decode(errors="replace")
