"""Replaces characters that look like others, and removes invisible ones."""

import re
import unicodedata

APOSTROPHES = dict.fromkeys("‘’ʼ`´ʹ′‛ʻ", "'")
LETTERS = {
    "ß": "ss", "ẞ": "ss", "æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L",
    "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th", "ħ": "h", "Ħ": "H", "ı": "i", "ŋ": "ng",
    "ŧ": "t", "Ŧ": "T", "ĸ": "k", "ə": "a",
}  # fmt: skip
GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "θ": "theta", "λ": "lambda",
    "μ": "mu", "π": "pi", "ρ": "rho", "σ": "sigma", "τ": "tau", "φ": "phi", "χ": "chi", "ψ": "psi",
    "ω": "omega", "Δ": "delta", "Σ": "sigma", "Ω": "omega",
}  # fmt: skip
"""Letters that stand alone in Latin texts."""
SIGNS = {
    "″": '"', "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "−": "-", "‐": "-", "‑": "-", "‒": "–",
    "⁄": "/", "∕": "/", "∶": ":", "·": "·", "⋅": "·", "№": "No. ", "™": " ", "®": " ", "©": " ", "℠": " ",
    "µ": "μ", "º": "°",
}  # fmt: skip
PLAIN_CHARACTERS = str.maketrans(APOSTROPHES | SIGNS)
FOLDED = str.maketrans(LETTERS)
GROUPING = re.compile(r"(?<=\d)[\u00a0\u2007\u2009\u202f'’](?=\d{3}(?!\d))")
EUROPEAN_AMOUNT = re.compile(r"(?<![\d.,])(\d{1,3}(?:\.\d{3})+),(\d{1,2})(?![.,]?\d)")
SUPERSCRIPT = re.compile(r"[⁺⁻]?[⁰¹²³⁴-⁹]+")
VULGAR_FRACTION = re.compile(r"(?:(?P<whole>\d+)\s?)?(?P<fraction>[¼-¾⅐-⅞])")


def clean(text: str) -> str:
    """Replace characters by those that the rules know. Letters keep case and accents."""
    american = EUROPEAN_AMOUNT.sub(lambda match: f"{match[1].replace('.', ',')}.{match[2]}", text)
    grouped = GROUPING.sub(",", american)
    powers = SUPERSCRIPT.sub(lambda match: "^" + unicodedata.normalize("NFKC", match[0]), grouped)
    plain = VULGAR_FRACTION.sub(_write_fraction, powers).translate(PLAIN_CHARACTERS)
    # Translated before and after: NFKC turns an acute accent, which is used as an apostrophe, into a space,
    # and some characters into apostrophes.
    normal = unicodedata.normalize("NFKC", plain).translate(PLAIN_CHARACTERS)
    return "".join(filter(None, map(_replace, normal)))


def fold_letters(word: str) -> str:
    """Return a word in lower case without accents and ligatures, or the name of a Greek letter."""
    if word in GREEK:
        return GREEK[word]
    decomposed = unicodedata.normalize("NFKD", word.translate(FOLDED)).translate(FOLDED)
    return "".join(character for character in decomposed if not unicodedata.combining(character)).lower()


def _write_fraction(match: re.Match[str]) -> str:
    fraction = unicodedata.normalize("NFKC", match["fraction"]).replace("⁄", "/")
    return f"{match['whole']} {fraction}" if match["whole"] else fraction


def _replace(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Cf":
        return ""
    return " " if category in ("Cc", "Zl", "Zp") and character != "\n" else character
