from dataclasses import dataclass, field
from uuid import UUID

from contracts.vocabulary import Level, SpeechType

from content.types import Match


@dataclass(frozen=True, kw_only=True)
class DrawFilter:
    """Which speeches to draw from. Without a type, both types match; without tags, all speeches do."""

    level: Level
    type: SpeechType | None = None
    tags: frozenset[UUID] = field(default_factory=frozenset)
    match: Match = "any"

    def matches(self, *, level: str, type: str, tags: frozenset[UUID]) -> bool:
        if level != self.level or self.type not in (None, type):
            return False
        if self.match == "all":
            return self.tags <= tags
        return not self.tags or not self.tags.isdisjoint(tags)
