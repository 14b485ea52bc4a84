from collections.abc import Collection, Sequence
from random import Random
from uuid import UUID

from shared.data.db import Database

from content.catalogue import OVERSAMPLING, Catalogue, MatchingNumbers, count_likely_excluded, sample
from content.domain.draws import DrawFilter
from content.domain.speeches import SpeechRow
from content.errors import NoSpeechesMatch

# Draws need not be unpredictable, so they need no cryptographic generator.
_rng = Random()  # noqa: S311 - see above

_TAGS = """ARRAY(
    SELECT (tags.id, tags.name) FROM speech_tags JOIN tags ON tags.id = tag_id
    WHERE speech_id = speeches.id ORDER BY tags.name
)"""
_COLUMNS = ", ".join(_TAGS if name == "tags" else f"speeches.{name}" for name in SpeechRow._fields)
_DRAWN = f"""
    SELECT {_COLUMNS}
    FROM unnest($1::bigint[]) WITH ORDINALITY AS drawn (number, place) JOIN speeches USING (number)
    WHERE archived_at IS NULL
        AND NOT EXISTS (SELECT FROM unnest($2::uuid[]) AS excluded WHERE excluded = speeches.id)
    ORDER BY place LIMIT $3
"""  # noqa: S608 - the columns are the names of our own fields
_NAMED = f"""
    SELECT {_COLUMNS}
    FROM unnest($1::uuid[]) WITH ORDINALITY AS named (id, place) JOIN speeches USING (id)
    WHERE archived_at IS NULL AND level = $2
    ORDER BY place
"""  # noqa: S608 - as above


async def draw_speeches(
    database: Database,
    catalogue: Catalogue,
    draw_filter: DrawFilter,
    *,
    limit: int,
    excluded: Collection[UUID] = (),
    drawn_last: Sequence[UUID] = (),
) -> list[SpeechRow]:
    """Draw up to `limit` distinct speeches with equal probabilities. Raises NoSpeechesMatch.

    Those in `drawn_last` follow only if too few others match, in the given order.
    """
    candidates = catalogue.match(draw_filter)
    drawn = await _sample(database, candidates, draw_filter, limit=limit, excluded={*excluded, *drawn_last})
    if drawn_last and len(drawn) < limit:
        allowed = [speech_id for speech_id in drawn_last if speech_id not in excluded]
        drawn += (await _list_matches(database, allowed, draw_filter))[: limit - len(drawn)]
    if not drawn:
        raise NoSpeechesMatch("No speech matches this level, type and tags, or all matches are excluded.")
    return drawn


async def _sample(
    database: Database,
    candidates: MatchingNumbers,
    draw_filter: DrawFilter,
    *,
    limit: int,
    excluded: Collection[UUID],
) -> list[SpeechRow]:
    """Sample speeches that still match.

    The catalogue may be half a second old. Further rounds replace speeches that were deleted, archived,
    changed or excluded.
    """
    sampled = list[SpeechRow]()
    extra = count_likely_excluded(len(candidates), limit, len(excluded))
    while len(sampled) < limit:
        missing = limit - len(sampled)
        numbers = sample(candidates, missing + extra, rng=_rng)
        if not numbers:
            break
        rows = await database.fetch(_DRAWN, numbers, excluded, missing)
        sampled += [speech for speech in map(SpeechRow._make, rows) if _is_match(speech, draw_filter)]
        candidates = candidates.exclude(numbers)
        extra = max(len(excluded), OVERSAMPLING * len(numbers))
    return sampled


async def _list_matches(
    database: Database, speech_ids: Collection[UUID], draw_filter: DrawFilter
) -> list[SpeechRow]:
    rows = await database.fetch(_NAMED, speech_ids, draw_filter.level)
    return [speech for speech in map(SpeechRow._make, rows) if _is_match(speech, draw_filter)]


def _is_match(speech: SpeechRow, draw_filter: DrawFilter) -> bool:
    tags = frozenset(tag_id for tag_id, _ in speech.tags) if draw_filter.tags else frozenset[UUID]()
    return draw_filter.matches(level=speech.level, type=speech.type, tags=tags)
