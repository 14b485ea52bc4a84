"""Reads telephone numbers aloud, group by group."""

import re
from collections.abc import Iterator

from scoring.text.numerals import read_digits, read_whole
from scoring.text.readings import Readings, unite

PHONE = re.compile(
    r"(?:\+\d{1,3}[ .-]?|1-)?(?:\(\d{1,5}\)[ .-]?)?\d{2,5}(?:[ .-]\d{2,4}){1,5}(?![\d/:%]|[.,]\d)"
)
GROUP = re.compile(r"\d+")
DIGITS = range(7, 16)


def read_phone(match: re.Match[str]) -> Iterator[tuple[int, int, Readings]] | None:
    groups = GROUP.findall(match[0])
    return _read_groups(match) if _is_phone(match[0], groups) else None


def _is_phone(number_text: str, groups: list[str]) -> bool:
    sizes = [len(group) for group in groups]
    if sum(sizes) not in DIGITS:
        return False
    if all(size == 3 for size in sizes[1:]) and sizes[0] < 4 and sum(sizes) < 10 and "(" not in number_text:
        # It may be a number with thousands separators.
        return "-" in number_text[1:] and len(sizes) > 2
    if number_text[0] in "+(" or (number_text[0] == "0" and sum(sizes) > 8):
        return True
    return sizes in ([3, 4], [3, 3, 4], [1, 3, 3, 4]) or (
        sizes == [4, 4] and "-" in number_text and groups[0] > "2100"
    )


def _read_groups(match: re.Match[str]) -> Iterator[tuple[int, int, Readings]]:
    if match[0].startswith("+"):
        yield match.start(), match.start() + 1, ("plus", "")
    for group in GROUP.finditer(match[0]):
        start = match.start() + group.start()
        yield start, start + len(group[0]), unite(read_digits(group[0]), read_whole(group[0]))
