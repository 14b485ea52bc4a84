from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from contracts.vocabulary import Level, SpeechType

from content.domain.plays import PlayStatistics
from content.errors import ChangedMeanwhile
from content.types import AuditAction


@dataclass(frozen=True, kw_only=True)
class NewSpeech:
    """A speech to create. `duration_ms` is the length of the recording under `audio_key`."""

    text: str
    level: Level
    type: SpeechType
    audio_key: str
    duration_ms: int
    tag_ids: Collection[UUID] = ()


@dataclass(frozen=True, kw_only=True)
class SpeechChange:
    """New values of a speech. None keeps the current value; `tag_ids` replaces all tags."""

    text: str | None = None
    level: Level | None = None
    type: SpeechType | None = None
    audio_key: str | None = None
    duration_ms: int | None = None
    archived: bool | None = None
    tag_ids: Collection[UUID] | None = None


type SpeechTagRow = tuple[UUID, str]
"""The id and name of a speech's tag."""


class SpeechRow(NamedTuple):
    """A speech as learners get it. Queries select the columns that its fields name."""

    id: UUID
    text: str
    audio_key: str
    duration_ms: int
    level: str
    type: str
    tags: list[SpeechTagRow]


class SpeechStats(NamedTuple):
    revision: int
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None
    import_id: UUID | None
    audio_missing_since: datetime | None
    statistics: PlayStatistics


@dataclass(frozen=True)
class Revisions:
    """The revisions that a change expects. None accepts any revision."""

    any_of: frozenset[int] | None = None

    @classmethod
    def from_if_match(cls, if_match: str | None) -> "Revisions":
        """Read the entity tags of an `If-Match` header (RFC 9110, section 13.1.1)."""
        if if_match is None or if_match.strip() == "*":
            return cls()
        # A proxy that compresses the response marks its entity tag as weak.
        tags = (tag.strip().removeprefix("W/").strip('"') for tag in if_match.split(","))
        return cls(frozenset(int(tag) for tag in tags if tag.isascii() and tag.isdigit() and len(tag) < 10))

    def ensure_includes(self, revision: int) -> None:
        if self.any_of is not None and revision not in self.any_of:
            raise ChangedMeanwhile(
                f"The speech now has revision {revision}. Read it again and repeat the change.",
                revision=revision,
            )


ANY_REVISION = Revisions()


def group_by_action(changed: Mapping[str, Any]) -> dict[AuditAction, set[str]]:
    """Return the names of the changed values by audit action."""
    actions: dict[AuditAction, set[str]] = {}
    if others := changed.keys() - {"archived"}:
        actions["speech_updated"] = others
    if "archived" in changed:
        actions["speech_archived" if changed["archived"] else "speech_restored"] = {"archived"}
    return actions


def find_changed_values(current: object, new_values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the given values that differ from the current attributes. None means "omitted"."""
    return {
        name: value
        for name, value in new_values.items()
        if value is not None and getattr(current, name) != value
    }
