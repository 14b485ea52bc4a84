"""Reads of the catalogue, and the draw from it."""

from collections.abc import Collection
from datetime import datetime
from random import Random
from typing import NamedTuple, TypedDict
from uuid import UUID

from pyroaring import BitMap64
from sqlalchemy import JSON, BigInteger, Uuid, bindparam, func, select, text, type_coerce
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by
from sqlalchemy.ext.asyncio import AsyncSession

from content.catalogue import Catalogue, sample
from content.domain import Filter, NoSpeechesMatch, Plays, SpeechNotFound
from content.models import Speech, SpeechStatistics, SpeechTag, Tag

ROUNDS = 2
# It decides what a learner hears, nothing that must not be guessed.
_rng = Random()  # noqa: S311 - see above


class CarriedTag(TypedDict):
    """A tag as a speech carries it."""

    id: str
    name: str


class StoredSpeech(NamedTuple):
    """A speech as learners get it."""

    id: UUID
    text: str
    audio_key: str
    duration_ms: int
    level: str
    type: str
    tags: list[CarriedTag]


class StoredTag(NamedTuple):
    """A tag."""

    id: UUID
    name: str
    category: str


class SpeechHistory(NamedTuple):
    """What has become of a speech since it was added."""

    revision: int
    created_at: datetime
    updated_at: datetime
    plays: Plays


_tag = func.json_build_object(text("'id'"), Tag.id, text("'name'"), Tag.name)
_tags = (
    select(func.coalesce(func.json_agg(aggregate_order_by(_tag, Tag.name)), func.json_build_array()))
    .join(SpeechTag, SpeechTag.tag_id == Tag.id)
    .where(SpeechTag.speech_id == Speech.id)
    .scalar_subquery()
)
_speeches = select(
    Speech.id,
    Speech.text,
    Speech.audio_key,
    Speech.duration_ms,
    Speech.level,
    Speech.type,
    type_coerce(_tags, JSON),
)
_with_history = _speeches.add_columns(
    Speech.revision,
    Speech.created_at,
    Speech.updated_at,
    SpeechStatistics.plays,
    SpeechStatistics.correct,
    SpeechStatistics.scored,
    SpeechStatistics.score_sum,
).outerjoin(SpeechStatistics, SpeechStatistics.speech_id == Speech.id)

_drawn = (
    func.unnest(bindparam("numbers", type_=ARRAY(BigInteger)))
    .table_valued("number", with_ordinality="place")
    .render_derived("drawn")
)
_excluded = func.unnest(bindparam("excluded", type_=ARRAY(Uuid))).column_valued("excluded")
_of_draw = (
    _speeches.join(_drawn, _drawn.c.number == Speech.number)
    .where(~select(1).where(_excluded == Speech.id).exists())
    .order_by(_drawn.c.place)
    .limit(bindparam("most"))
)


async def all_tags(session: AsyncSession) -> list[StoredTag]:
    """Every tag, by category and name."""
    rows = await session.execute(
        select(Tag.id, Tag.name, Tag.category).order_by(Tag.category, func.lower(Tag.name))
    )
    return [StoredTag._make(row) for row in rows]


async def known_speeches(session: AsyncSession, texts: Collection[str]) -> set[tuple[str, str]]:
    """Text and level of the speeches that have one of these texts."""
    rows = await session.execute(select(Speech.text, Speech.level).where(Speech.text.in_(texts)))
    return {(text, level) for text, level in rows}


async def speech(session: AsyncSession, speech_id: UUID) -> StoredSpeech:
    """A speech. Raises SpeechNotFound."""
    row = (await session.execute(_speeches.where(Speech.id == speech_id))).one_or_none()
    if row is None:
        raise SpeechNotFound(f"There is no speech {speech_id}.")
    return StoredSpeech._make(row)


async def drawn_speeches(
    session: AsyncSession, catalogue: Catalogue, wanted: Filter, *, most: int, excluded: Collection[UUID] = ()
) -> list[StoredSpeech]:
    """Up to `most` distinct speeches of those that match and are not excluded, each as likely as every other.

    The catalogue may be behind by a moment, so what was drawn is compared with what the tables say now, and
    drawn again once where it is gone. Raises NoSpeechesMatch when there is none.
    """
    candidates = catalogue.matching(wanted)
    found: list[StoredSpeech] = []
    for _ in range(ROUNDS):
        missing = most - len(found)
        # So many are enough even if all excluded ones are among them; what is left is still a fair sample.
        numbers = sample(candidates, missing + len(excluded), rng=_rng)
        if not (missing and numbers):
            break
        drawn = await _fetched(session, numbers, most=missing, excluded=excluded)
        found += [speech for speech in drawn if _still_in(speech, wanted)]
        candidates -= BitMap64(numbers)
    if not found:
        raise NoSpeechesMatch("No speech matches; ask for less, or exclude fewer.")
    return found


async def _fetched(
    session: AsyncSession, numbers: list[int], *, most: int, excluded: Collection[UUID]
) -> list[StoredSpeech]:
    """The first speeches with these numbers, in their order, without those that are excluded or gone."""
    parameters = {"numbers": numbers, "excluded": list(excluded), "most": most}
    return [StoredSpeech._make(row) for row in await session.execute(_of_draw, parameters)]


def _still_in(speech: StoredSpeech, wanted: Filter) -> bool:
    tags = frozenset(UUID(tag["id"]) for tag in speech.tags)
    return wanted.takes(level=speech.level, type=speech.type, tags=tags)


async def speech_with_history(session: AsyncSession, speech_id: UUID) -> tuple[StoredSpeech, SpeechHistory]:
    """A speech, and what has become of it since it was added. Raises SpeechNotFound."""
    row = (await session.execute(_with_history.where(Speech.id == speech_id))).one_or_none()
    if row is None:
        raise SpeechNotFound(f"There is no speech {speech_id}.")
    speech, (revision, created_at, updated_at, *plays) = row[:7], row[7:]
    kept = Plays() if plays[0] is None else Plays(*plays)
    return StoredSpeech._make(speech), SpeechHistory(revision, created_at, updated_at, kept)
