"""What is decided about speeches, without a database: what a filter means, and what counts as a play."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from contracts.game import CompletedResult
from shared.errors import Conflict, Invalid, NotFound, PreconditionFailed

Level = Literal["A1", "A2", "B1", "B2", "C1", "C2"]
"""A level of the Common European Framework of Reference for Languages (CEFR)."""
SpeechType = Literal["question", "answer"]
Match = Literal["any", "all"]


class SpeechNotFound(NotFound):
    """There is no speech with this id."""

    code = "speech_not_found"


class NoSpeechesMatch(NotFound):
    """A draw from nothing: no speech is as asked for, or all that are were excluded."""

    code = "no_speeches_match"


class UnknownTag(Invalid):
    """A speech is to carry a tag that does not exist."""

    code = "unknown_tag"


class AudioNotFound(Invalid):
    """There is no recording under the key."""

    code = "audio_not_found"


class AudioTooLarge(Invalid):
    """The recording has too many bytes."""

    code = "audio_too_large"


class AudioTooLong(Invalid):
    """The recording lasts too long."""

    code = "audio_too_long"


class UnsupportedAudio(Invalid):
    """What lies under the key is no audio of a known format."""

    code = "unsupported_audio"


class TagNotFound(NotFound):
    """There is no tag with this id."""

    code = "tag_not_found"


class TagExists(Conflict):
    """There is a tag of this name, perhaps in another way of writing."""

    code = "tag_exists"


class TagInUse(Conflict):
    """A tag that speeches carry cannot be deleted."""

    code = "tag_in_use"


class ChangedMeanwhile(PreconditionFailed):
    """The speech is no longer what the client has seen."""

    code = "changed_meanwhile"


@dataclass(frozen=True, kw_only=True)
class Filter:
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


@dataclass(frozen=True, kw_only=True)
class TagChange:
    """What is to change in a tag; None leaves it as it is."""

    name: str | None = None
    category: str | None = None


@dataclass(frozen=True)
class Revisions:
    """The revisions of a speech that a change was made for; None takes any."""

    any_of: frozenset[int] | None = None

    @classmethod
    def named_by(cls, if_match: str | None) -> "Revisions":
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


AnyRevision = Revisions()


def differing(kept: object, given: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the given values, by attribute, that are not kept already; None stands for not given."""
    return {
        name: value for name, value in given.items() if value is not None and getattr(kept, name) != value
    }


@dataclass
class Plays:
    """How often a speech was played, answered correctly and scored. Scores are 0-100."""

    plays: int = 0
    correct: int = 0
    scored: int = 0
    score_sum: float = 0.0

    @property
    def correct_rate(self) -> float | None:
        """The share of correct answers, 0-1; None when it was never played."""
        return self.correct / self.plays if self.plays else None

    @property
    def average_score(self) -> float | None:
        """The mean score, 0-100; None when it was never scored."""
        return self.score_sum / self.scored if self.scored else None


def tally(results: Iterable[CompletedResult]) -> dict[UUID, Plays]:
    """The plays of each speech in a session.

    A skipped result is no play. Only a score that was verified enters the average: any other is what the
    learner's device claims.
    """
    played: dict[UUID, Plays] = {}
    for result in results:
        if result.user_response == "skipped":
            continue
        plays = played.setdefault(result.speech_id, Plays())
        plays.plays += 1
        plays.correct += result.user_response == "correct"
        if result.verified and result.pronunciation_score is not None:
            plays.scored += 1
            plays.score_sum += result.pronunciation_score
    return played
