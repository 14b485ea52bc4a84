"""Finds other spellings of a word, which may be in the American dictionary."""

import re
from collections.abc import Iterator

BRITISH = (
    (r"^(.{2,})our(s|ed|ing|er|ers|ite|ites|able|ably|ful|fully|less|al|hood|hoods|ist|ists)?$", r"\1or\2"),
    (r"^(.{2,})(is)(e|es|ed|er|ers|ing|ation|ations|able|ational)$", r"\1iz\3"),
    (r"^(.{2,})ys(e|es|ed|er|ers|ing)$", r"\1yz\2"),
    (r"^(.{2,})re(s|d)?$", r"\1er\2"),
    (r"^(.{1,})tred$", r"\1tered"),
    (r"^(.{1,})tring$", r"\1tering"),
    (r"^(.{2,})ll(ed|ing|er|ers|or|ors|ous|ery|est|ist|ists)$", r"\1l\2"),
    (r"^(.{2,})pp(ed|ing|er|ers)$", r"\1p\2"),
    (r"^(.{2,})l(ment|ments|ful|fully|fulness|s)?$", r"\1ll\2"),
    (r"^(.{2,})ogue(s)?$", r"\1og\2"),
    (r"^(.{2,})ence(s|d)?$", r"\1ense\2"),
    (r"^(.{2,})mme(s)?$", r"\1m\2"),
    (r"^(.{2,})xion(s)?$", r"\1ction\2"),
    (r"^(.*)(?:ae|oe)(.+)$", r"\1e\2"),
    (r"^(.*)ph(.+)$", r"\1f\2"),
    (r"^(.*)gement(s)?$", r"\1gment\2"),
    (r"^(.*)eable$", r"\1able"),
    (r"^(.+)wards$", r"\1ward"),
    (r"^(.*)mould(.*)$", r"\1mold\2"),
    (r"^(.*)plough(.*)$", r"\1plow\2"),
    (r"^(.+)ey$", r"\1y"),
)
"""Patterns of British spellings and their American replacements."""
IRREGULAR = {
    "tyre": "tire", "tyres": "tires", "kerb": "curb", "kerbs": "curbs", "cheque": "check",
    "cheques": "checks", "grey": "gray", "pyjamas": "pajamas", "sceptic": "skeptic", "sceptics": "skeptics",
    "sceptical": "skeptical", "moustache": "mustache", "moustaches": "mustaches", "jewellery": "jewelry",
    "storeys": "stories", "draught": "draft", "draughts": "drafts", "gaol": "jail", "yoghurt": "yogurt",
    "yoghurts": "yogurts", "cosy": "cozy", "cosier": "cozier", "practise": "practice",
    "practised": "practiced", "practising": "practicing", "licences": "licenses", "artefact": "artifact",
    "artefacts": "artifacts", "programme": "program", "programmes": "programs", "enquiry": "inquiry",
    "enquire": "inquire", "enquiries": "inquiries", "sulphur": "sulfur", "skilful": "skillful",
    "wilful": "willful", "chilli": "chili", "ageing": "aging", "manoeuvre": "maneuver",
    "manoeuvres": "maneuvers", "ok": "okay", "haemorrhage": "hemorrhage",
}  # fmt: skip
_COMPILED = tuple((re.compile(pattern), replacement) for pattern, replacement in BRITISH)


def list_spellings(word: str) -> Iterator[str]:
    """Return possible spellings, the most likely first, to look up in the dictionary."""
    if word in IRREGULAR:
        yield IRREGULAR[word]
    for pattern, replacement in _COMPILED:
        changed = pattern.sub(replacement, word)
        if changed != word:
            yield changed
