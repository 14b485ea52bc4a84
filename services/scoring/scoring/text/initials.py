"""Reads letters and capitals aloud: US, TVs, NASA, U.S.A., A4, COVID19, iPhone."""

import re
from collections.abc import Iterator

from scoring.text.abbreviations import INITIALS
from scoring.text.characters import fold_letters
from scoring.text.numerals import read_digits, read_dotted, read_whole
from scoring.text.readings import Readings, get_text_after, get_text_before, unite

SPELLED_ABBREVIATIONS = {
    "us", "usa", "uk", "eu", "un", "uae", "it", "am", "id", "ok", "ai", "io", "pe", "la", "ad", "ce",
    "er", "iq", "eq", "ui", "ufo", "usb", "url", "ceo", "cfo", "cto", "cia", "fbi", "irs", "atm", "faq",
    "diy", "gpa", "ios", "isp", "ip", "iou", "sos", "eta", "rip", "vip", "vat", "dna", "rna", "hiv",
    "adhd", "ac", "aa", "ir", "oap", "mba", "ba", "ma", "uv", "av", "aka", "nba", "usd", "eur", "ap",
    "api", "esl", "efl", "mri", "ngo", "gmo", "iot",
}  # fmt: skip
"""Words in capitals that are spelled. Words without vowels are always spelled."""
SPELLED_IN_LOWER_CASE = {
    "tv", "tvs", "dvd", "dvds", "cd", "cds", "pc", "pcs", "uk", "usa", "eu", "id", "faq", "faqs", "gps",
    "atm", "dj", "ceo", "usb", "url", "iq", "dna", "ufo", "ai", "ps", "pe", "vip", "fbi", "cia", "bbc", "nba",
    "pr", "hr", "ui",
}  # fmt: skip
READ_AS_WORDS = {
    "nasa", "nato", "aids", "fifa", "opec", "pin", "sim", "ram", "rom", "sars", "yolo", "lol", "gif",
    "jpeg", "zip", "dos", "ted", "swat", "moma", "ikea", "lego", "fiat", "uefa", "wasp", "bric", "spa",
    "asap", "pisa",
}  # fmt: skip
"""Words of up to four letters; longer ones are always read as words."""
EMPHASIZED = {
    "a", "all", "an", "and", "any", "are", "bad", "be", "best", "but", "buy", "by", "can", "do", "does",
    "end", "ever", "for", "from", "free", "get", "go", "good", "had", "has", "have", "he", "her", "hers",
    "here", "him", "his", "how", "i", "if", "in", "into", "is", "just", "keep", "last", "let", "like", "look",
    "love", "me", "more", "most", "much", "must", "my", "need", "new", "next", "no", "none", "not", "now",
    "of", "off", "oh", "old", "on", "one", "only", "open", "or", "our", "out", "over", "own", "put", "real",
    "run", "sale", "same", "say", "see", "she", "so", "some", "stop", "such", "than", "that", "the", "them",
    "then", "they", "this", "to", "too", "two", "up", "use", "very", "wait", "want", "was", "way", "we",
    "well", "were", "what", "when", "who", "why", "will", "with", "yes", "you", "your", "big", "day", "did",
    "down", "each", "else", "even", "ice", "easy", "hot", "stay", "safe", "read", "help", "live", "exit",
    "wow", "hey", "okay", "time", "work", "home",
}  # fmt: skip
"""Words of up to four letters that are often written in capitals for emphasis."""
INTERJECTIONS = {
    "hmm", "hm", "mm", "mmm", "shh", "sh", "psst", "pst", "brr", "brrr", "pfft", "grr", "tsk", "zzz",
    "nth", "n",
}  # fmt: skip
WITHOUT_VOWEL = re.compile(r"[bcdfghjklmnpqrstvwxz]{2,5}")
MAX_SPELLED_LETTERS = 5
DOTTED_LETTERS = re.compile(
    r"(?<![^\W_])(?:[A-Za-z]\.\s?){1,9}(?<=\.)[A-Za-z](?:\.|(?![^\W_]))(?:'?s(?![^\W_]))?"
)
DEGREE = re.compile(r"Ph\.\s?D\.?|M\.?Sc\b\.?|B\.?Sc\b\.?")
CAPITALS = re.compile(r"(?P<letters>[A-Z]{2,})(?P<plural>'?s)?(?!'?[^\W_])")
MIXED = re.compile(r"[^\W_]*(?:\d[^\W\d_]|[^\W\d_]\d)[^\W_]*(?:(?<=\d)(?:\.\d+)+)?")
SEGMENT = re.compile(r"\d+(?:\.\d+)*|[^\W\d_]+")
VERSION = re.compile(r"[vV]\d")
FORMULA = re.compile(r"(?=.{0,5}$)(?:[A-Z][a-z]?){2,}")
CAMEL = re.compile(r"(?:[^\W\d_A-Z]+|[A-Z][^\W\d_A-Z]+|[A-Z]+(?![^\W\d_A-Z]))")


def spell(letters: str, ending: str = "") -> str:
    """Separate letters, with an ending after the last one: t v's."""
    return " ".join(letters) + ("'s" if ending else "")


def read_dotted_letters(match: re.Match[str]) -> Readings | None:
    letters = fold_letters(re.sub(r"[\s.]|'?s$", "", match[0]))
    if " " in match[0].strip() and len(letters) > 3:
        return None
    ending = "s" if match[0].endswith("s") and not match[0].endswith(".s") else ""
    return INITIALS.get(letters) or (spell(letters, ending),)


def read_degree(match: re.Match[str]) -> Readings:
    return (spell(re.sub(r"[\s.]", "", match[0]).lower()),)


def read_capitals(match: re.Match[str]) -> Readings:
    """Read capitals as letters and as a word, the more usual way first."""
    letters, ending = match["letters"].lower(), match["plural"] or ""
    word = letters + ("'s" if ending == "'s" else ending)
    spelled = spell(letters, ending)
    if len(letters) > MAX_SPELLED_LETTERS:
        return (word,)
    if not set(letters) & set("aeiouy"):
        return (spelled,)
    if letters in SPELLED_IN_LOWER_CASE:
        return (spelled, word)
    if _is_shouted(match):
        return (word, spelled) if letters in SPELLED_ABBREVIATIONS or len(letters) < 4 else (word,)
    is_word = letters in READ_AS_WORDS or letters in EMPHASIZED or len(letters) > 4
    return (word, spelled) if is_word and letters not in SPELLED_ABBREVIATIONS else (spelled, word)


def _is_shouted(match: re.Match[str]) -> bool:
    """Return whether the neighbouring words are in capitals, too."""
    around = re.findall(r"[^\W\d_]{2,}", get_text_before(match))[-1:]
    around += re.findall(r"[^\W\d_]{2,}", get_text_after(match))[:1]
    return bool(around) and all(word.isupper() for word in around)


def read_mixed(match: re.Match[str]) -> Iterator[tuple[int, int, Readings]]:
    """Read letters and digits separately: M P three, version one point two."""
    for segment in SEGMENT.finditer(match[0]):
        start = match.start() + segment.start()
        is_version = segment.start() == 0 and VERSION.match(match[0])
        yield start, start + len(segment[0]), ("version", "v") if is_version else read_piece(segment[0])


def read_piece(segment: str) -> Readings:
    """Read a part of a code or an address."""
    if "." in segment:
        return read_dotted(segment)
    if segment[0].isdigit():
        return unite(read_whole(segment), read_digits(segment))
    word = fold_letters(segment)
    has_vowel = bool(set(word) & set("aeiouy"))
    if FORMULA.fullmatch(segment):
        return unite((spell(word), word))
    if not word.isascii() or (len(word) > 3 and has_vowel):
        return (word,)
    if len(word) == 3 and has_vowel and word not in SPELLED_ABBREVIATIONS:
        return (word, spell(word))
    return unite((spell(word),), (word,) if has_vowel else ())


def read_word(word_as_written: str) -> Readings:
    """Read a word. One without vowels is spelled; one with capitals inside is also read part by part."""
    word = fold_letters(word_as_written)
    if word in SPELLED_IN_LOWER_CASE:
        return unite(
            (spell(word.removesuffix("s"), "s") if word[-1] == "s" and len(word) > 2 else spell(word), word)
        )
    if WITHOUT_VOWEL.fullmatch(word) and word not in INTERJECTIONS:
        return (spell(word),)
    parts = CAMEL.findall(word_as_written)
    if len(parts) > 1 and word_as_written.isalpha() and not word_as_written.isupper():
        letters = (spell(word),) if FORMULA.fullmatch(word_as_written) else ()
        return unite((word,), (" ".join(map(_read_part, parts)),), letters)
    return (word,)


def _read_part(part: str) -> str:
    folded = fold_letters(part)
    return spell(folded) if part.isupper() and len(part) < 4 else folded
