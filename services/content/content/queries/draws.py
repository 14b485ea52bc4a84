"""The draw: which speeches, by chance, and what they are right now."""

from collections.abc import Collection
from random import Random
from typing import NamedTuple
from uuid import UUID

from shared.data.db import Database

from content.catalogue.index import Catalogue
from content.catalogue.sampler import sample
from content.domain.draws import DrawFilter
from content.errors import NoSpeechesMatch

# It decides what a learner hears, nothing that must not be guessed.
_rng = Random()  # noqa: S311 - see above

OVERSAMPLING = 4
"""How many times as many are drawn again, when too many were gone."""

_DRAWN = """
    SELECT id, text, audio_key, duration_ms, level, type, ARRAY(
        SELECT (tags.id, tags.name)
        FROM speech_tags JOIN tags ON tags.id = tag_id
        WHERE speech_id = speeches.id ORDER BY tags.name
    )
    FROM unnest($1::bigint[]) WITH ORDINALITY AS drawn (number, place) JOIN speeches USING (number)
    WHERE NOT EXISTS (SELECT FROM unnest($2::uuid[]) AS excluded WHERE excluded = speeches.id)
    ORDER BY place LIMIT $3
"""


class DrawnSpeech(NamedTuple):
    """A speech as it was drawn, with its tags as id and name."""

    id: UUID
    text: str
    audio_key: str
    duration_ms: int
    level: str
    type: str
    tags: list[tuple[UUID, str]]


async def draw_speeches(
    database: Database,
    catalogue: Catalogue,
    wanted: DrawFilter,
    *,
    most: int,
    excluded: Collection[UUID] = (),
) -> list[DrawnSpeech]:
    """Up to `most` distinct speeches of those that match and are not excluded, each as likely as every other.

    The catalogue may be behind by a moment, so what was drawn is compared with what the tables say now. Where
    it is gone, or was excluded, more is drawn, until there is enough or none is left. Raises NoSpeechesMatch
    when there is none.
    """
    candidates, found = catalogue.matching(wanted), list[DrawnSpeech]()
    extra = _likely_excluded(len(candidates), most, excluded)
    while len(found) < most:
        missing = most - len(found)
        numbers = sample(candidates, missing + extra, rng=_rng)
        if not numbers:
            break
        rows = await database.fetch(_DRAWN, numbers, excluded, missing)
        found += [speech for speech in map(DrawnSpeech._make, rows) if _still_matches(speech, wanted)]
        candidates = candidates.without(numbers)
        extra = max(len(excluded), OVERSAMPLING * len(numbers))
    if not found:
        raise NoSpeechesMatch(
            "No speech matches this level, type and these tags, or all that do are excluded."
        )
    return found


def _likely_excluded(candidates: int, most: int, excluded: Collection[UUID]) -> int:
    """How many to draw more, so that one round is nearly always enough: four times what chance hits."""
    return min(len(excluded), 5 + 4 * most * len(excluded) // max(candidates, 1))


def _still_matches(speech: DrawnSpeech, wanted: DrawFilter) -> bool:
    tags = frozenset(tag_id for tag_id, _ in speech.tags)
    return wanted.takes(level=speech.level, type=speech.type, tags=tags)
