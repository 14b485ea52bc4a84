"""The index that draws are made from: which speeches, by number, have which level, type and tags.

It holds one compressed bitmap for each value, about 6 MB for a million speeches with three tags each. A draw
combines a few of them, which takes up to 0.1 ms at a million speeches and is kept for the draws that follow.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache, reduce
from operator import and_
from typing import Literal

from pyroaring import BitMap64

from content.domain.draws import DrawFilter

type Facet = tuple[Literal["level", "type", "tag"], str]
"""A property that speeches have in common: ("level", "A1"), or ("tag", <id>)."""


KEPT = 64
"""Filters whose result is kept until the catalogue changes, at most 0.13 MB each for a million speeches."""


class MatchingNumbers:
    """The numbers of the speeches that a filter takes, in order. Nobody can change them from here."""

    __slots__ = ("_numbers",)

    def __init__(self, numbers: BitMap64) -> None:
        self._numbers = numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[int]:
        return iter(self._numbers)

    def __getitem__(self, rank: int) -> int:
        return self._numbers[rank]

    def without(self, numbers: Iterable[int]) -> "MatchingNumbers":
        """Those that are left."""
        return MatchingNumbers(self._numbers - BitMap64(numbers))


class Catalogue:
    """The numbers of all speeches by facet."""

    def __init__(self) -> None:
        self._numbers: defaultdict[Facet, BitMap64] = defaultdict(BitMap64)
        self._kept = lru_cache(maxsize=KEPT)(self._matching)

    def replace(self, numbers: Iterable[int], facets: Mapping[Facet, Iterable[int]]) -> None:
        """Forget what was known of these speeches; they have the given facets now, or are gone."""
        stale = BitMap64(numbers)
        for bitmap in self._numbers.values():
            bitmap.difference_update(stale)
        self.add(facets)

    def add(self, facets: Mapping[Facet, Iterable[int]]) -> None:
        """Take in speeches of which nothing is known yet."""
        for facet, members in facets.items():
            self._numbers[facet].update(members)
        self._kept.cache_clear()

    def matching(self, wanted: DrawFilter) -> MatchingNumbers:
        """The numbers of the speeches that a filter takes."""
        return self._kept(wanted)

    def _matching(self, wanted: DrawFilter) -> MatchingNumbers:
        required = [self._of(("level", wanted.level))]
        if wanted.type is not None:
            required.append(self._of(("type", wanted.type)))
        tags = [self._of(("tag", str(tag))) for tag in wanted.tags]
        if tags and wanted.match == "any":
            required.append(BitMap64.union(*tags))
        else:
            required += tags
        # The fewest first, so that little is left to compare with the others.
        return MatchingNumbers(reduce(and_, sorted(required, key=len)))

    def _of(self, facet: Facet) -> BitMap64:
        # A lookup must not add what clients ask for.
        return self._numbers.get(facet) or BitMap64()
