"""What is decided about speeches, without a database: what a filter means, and what counts as a play."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from content.errors import ChangedMeanwhile
from content.types import Level, SpeechType


@dataclass(frozen=True, kw_only=True)
class NewSpeech:
    """A speech to be added. `duration_ms` is the length of the recording under `audio_key`."""

    text: str
    level: Level
    type: SpeechType
    audio_key: str
    duration_ms: int
    tag_ids: frozenset[UUID] = field(default_factory=frozenset)


@dataclass(frozen=True, kw_only=True)
class SpeechChange:
    """What is to change in a speech; None leaves it as it is."""

    text: str | None = None
    level: Level | None = None
    type: SpeechType | None = None
    audio_key: str | None = None
    duration_ms: int | None = None
    tag_ids: frozenset[UUID] | None = None


@dataclass(frozen=True)
class Revisions:
    """The revisions of a speech that a change was made for; None takes any."""

    any_of: frozenset[int] | None = None

    @classmethod
    def from_if_match(cls, if_match: str | None) -> "Revisions":
        """As an `If-Match` header names them by their entity tags (RFC 9110, section 13.1.1)."""
        if if_match is None or if_match.strip() == "*":
            return cls()
        # A proxy that compresses the answer marks its tag as weak.
        tags = (tag.strip().removeprefix("W/").strip('"') for tag in if_match.split(","))
        return cls(frozenset(int(tag) for tag in tags if tag.isascii() and tag.isdigit() and len(tag) < 10))

    def check(self, revision: int) -> None:
        """Raise ChangedMeanwhile for a revision that is none of these."""
        if self.any_of is not None and revision not in self.any_of:
            raise ChangedMeanwhile(
                f"The speech has revision {revision} by now; read it again and repeat the change.",
                revision=revision,
            )


ANY_REVISION = Revisions()


def changed_values(kept: object, given: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the given values, by attribute, that are not kept already; None stands for not given."""
    return {
        name: value for name, value in given.items() if value is not None and getattr(kept, name) != value
    }
