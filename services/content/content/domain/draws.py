"""Draws."""

from dataclasses import dataclass, field
from uuid import UUID

from content.types import Level, Match, SpeechType


@dataclass(frozen=True, kw_only=True)
class DrawFilter:
    """Which speeches a draw is from. No type means both, no tags mean any tags or none."""

    level: Level
    type: SpeechType | None = None
    tags: frozenset[UUID] = field(default_factory=frozenset)
    match: Match = "any"

    def takes(self, *, level: str, type: str, tags: frozenset[UUID]) -> bool:
        """Whether a speech with these properties is among them."""
        if level != self.level or self.type not in (None, type):
            return False
        if self.match == "all":
            return self.tags <= tags
        return not self.tags or not self.tags.isdisjoint(tags)
