"""Pronunciations of words that no dictionary has, by eSpeak NG.

eSpeak NG is a program under the GPL: it is run as a process of its own, never linked.
"""

# ruff: noqa: RUF001 - the phonetic alphabet has letters that look like others

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
"""IPA as eSpeak NG writes American English, against the phonemes of the acoustic model (ARPAbet)."""

IPA_SYMBOL = re.compile("|".join(sorted(map(re.escape, ARPABET_BY_IPA), key=len, reverse=True)))
IGNORED_MARKS = str.maketrans("", "", "ˈˌ \n")
"""Stress and space."""


class EspeakTimeout(Exception):
    """eSpeak NG did not answer in time; asking again would only take longer."""


def pronounce(word: str) -> str | None:
    """The phonemes of a word in ARPAbet, separated by spaces; None when eSpeak NG is missing or at a loss.

    Raises TooSlow.
    """
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
        # The word is no argument, so that nothing in it can be taken for an option.
        answer = subprocess.run(  # noqa: S603 - a fixed command, without a shell
            command, input=word.encode(), capture_output=True, timeout=TIMEOUT_SECONDS, check=True
        )
    except subprocess.TimeoutExpired as error:
        raise EspeakTimeout from error
    except (OSError, subprocess.CalledProcessError):
        return ""
    return answer.stdout.decode(errors="replace")
