"""Finds parts of a text that are not spoken: [laughs], (applause), Anna:"""

import re

from scoring.text.readings import get_text_after, get_text_before

ASIDE = re.compile(r"\[[^\[\]]*\]|\((?P<inside>[^()]*)\)|\*(?P<starred>[a-z]+)\*")
LABEL = re.compile(
    r"(?:[A-Z]\d?|(?:(?:Mrs?|Ms|Dr|Prof)\.? )?[A-Z][\w'-]+(?: (?:[A-Z][\w'-]*|\d{1,2})){0,2})\s?:(?=\s)"
)
LABEL_POSITION = re.compile(r"(?:^|\n|[.!?\]):\"”])\s*$")
STAGE_DIRECTIONS = {
    "laugh", "laughs", "laughing", "laughter", "sigh", "sighs", "sighing", "cough", "coughs", "pause",
    "pauses", "applause", "music", "crying", "cries", "whispers", "whispering", "smiles", "smiling",
    "chuckles", "gasps", "clears throat", "silence", "inaudible", "crosstalk", "cheering", "noise", "beep",
    "giggles", "sobs", "nods", "shouting", "yells", "singing", "sings",
}  # fmt: skip
SPOKEN_LABELS = {
    "note", "warning", "attention", "remember", "example", "tip", "question", "answer", "reminder",
    "important", "rule", "fact", "hint", "conclusion", "result", "breaking", "update", "caution",
    "please note", "problem", "solution", "yes", "no", "first", "second", "third", "finally", "today",
    "tomorrow", "menu", "date", "time", "place", "price", "address", "name", "age",
}  # fmt: skip
"""Words before a colon that do not name a speaker."""


def is_aside(match: re.Match[str]) -> bool:
    inside = match["inside"] if match["inside"] is not None else match["starred"]
    return inside is None or inside.strip(" .!").lower() in STAGE_DIRECTIONS


def is_label(match: re.Match[str]) -> bool:
    name = match[0].rstrip(": ").lower()
    is_placed = LABEL_POSITION.search(get_text_before(match))
    return bool(is_placed) and not name.startswith("dear ") and any(map(str.isalnum, get_text_after(match)))


def is_spoken_label(match: re.Match[str]) -> bool:
    return match[0].rstrip(": ").lower() in SPOKEN_LABELS
