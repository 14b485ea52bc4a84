"""Changes of the catalogue, each with the events that tell of it and its entry in the log of changes."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from contracts.content import SpeechCreated, SpeechDeleted, SpeechRef, SpeechSnapshot, SpeechUpdated, TagRef
from contracts.game import CompletedResult
from shared.outbox import record
from sqlalchemy import String, delete, func, insert, literal, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from content.changes import note_change
from content.domain import NewSpeech, SpeechChange, SpeechNotFound, UnknownTag, tally
from content.models import Speech, SpeechTag, Tag

# The rows are locked in one order, so that two sessions with the same speeches cannot block each other.
_COUNT = text("""
    INSERT INTO speech_statistics AS kept (speech_id, plays, correct, scored, score_sum)
    SELECT played.*
    FROM unnest(
        CAST(:speech_ids AS uuid[]),
        CAST(:plays AS bigint[]),
        CAST(:correct AS bigint[]),
        CAST(:scored AS bigint[]),
        CAST(:score_sums AS double precision[])
    ) AS played (speech_id, plays, correct, scored, score_sum)
    JOIN speeches ON speeches.id = played.speech_id
    ORDER BY speeches.id
    FOR KEY SHARE OF speeches
    ON CONFLICT (speech_id) DO UPDATE SET
        plays = kept.plays + excluded.plays,
        correct = kept.correct + excluded.correct,
        scored = kept.scored + excluded.scored,
        score_sum = kept.score_sum + excluded.score_sum
""")


async def create_tags(session: AsyncSession, categories: Mapping[str, str]) -> dict[str, UUID]:
    """Create the tags that are missing, given as name to category; the ids of all, by the given names.

    A tag that is there keeps its category and its way of writing the name.
    """
    if not categories:
        return {}
    new = [{"name": name, "category": category} for name, category in sorted(categories.items())]
    await session.execute(upsert(Tag).values(new).on_conflict_do_nothing())
    given = func.unnest(literal(list(categories), ARRAY(String))).column_valued("given")
    found = await session.execute(select(given, Tag.id).join(Tag, func.lower(Tag.name) == func.lower(given)))
    return {name: tag_id for name, tag_id in found}


async def create_speech(session: AsyncSession, new: NewSpeech) -> UUID:
    """Add a speech; its id. Raises UnknownTag."""
    [speech_id] = await create_speeches(session, [new])
    return speech_id


async def create_speeches(session: AsyncSession, new: Sequence[NewSpeech]) -> list[UUID]:
    """Add some hundreds of speeches at once; their ids, in the same order. Raises UnknownTag."""
    if not new:
        return []
    tags = await _tags(session, {tag_id for speech in new for tag_id in speech.tag_ids})
    speeches = [Speech(**_columns(speech)) for speech in new]
    session.add_all(speeches)
    await session.flush()
    pairs = zip(speeches, new, strict=True)
    carried = {speech.id: wanted.tag_ids for speech, wanted in pairs}
    await _attach(session, carried)
    await note_change(session, [speech.number for speech in speeches])
    for speech in speeches:
        snapshot = _snapshot(speech, [tags[tag_id] for tag_id in carried[speech.id]])
        record(session, SpeechCreated, subject=str(speech.id), data=snapshot)
    return list(carried)


async def update_speech(session: AsyncSession, speech_id: UUID, change: SpeechChange) -> None:
    """Change what is given and raise the revision. Raises SpeechNotFound and UnknownTag."""
    changed = update(Speech).where(Speech.id == speech_id).returning(Speech)
    values = {**_columns(change), "revision": Speech.revision + 1, "updated_at": func.now()}
    result = await session.scalars(changed.values(values), execution_options={"populate_existing": True})
    speech = result.one_or_none()
    if speech is None:
        raise SpeechNotFound(f"There is no speech {speech_id}.")
    if change.tag_ids is not None:
        await _tags(session, change.tag_ids)
        await session.execute(delete(SpeechTag).where(SpeechTag.speech_id == speech_id))
        await _attach(session, {speech_id: change.tag_ids})
    await note_change(session, [speech.number])
    snapshot = _snapshot(speech, await _tags_of(session, speech_id))
    record(session, SpeechUpdated, subject=str(speech_id), data=snapshot)


async def delete_speech(session: AsyncSession, speech_id: UUID) -> None:
    """Take a speech out of the catalogue; its recording stays for past sessions. Raises SpeechNotFound."""
    deleted = delete(Speech).where(Speech.id == speech_id).returning(Speech.number, Speech.revision)
    row = (await session.execute(deleted)).one_or_none()
    if row is None:
        raise SpeechNotFound(f"There is no speech {speech_id}.")
    number, revision = row
    await note_change(session, [number])
    last = SpeechRef(speech_id=speech_id, revision=revision + 1)
    record(session, SpeechDeleted, subject=str(speech_id), data=last)


async def count_plays(session: AsyncSession, results: Iterable[CompletedResult]) -> None:
    """Add the results of a session to the statistics of their speeches, if these are still there."""
    played = tally(results)
    if not played:
        return
    totals = played.values()
    columns: dict[str, list[Any]] = {
        "speech_ids": list(played),
        "plays": [speech.plays for speech in totals],
        "correct": [speech.correct for speech in totals],
        "scored": [speech.scored for speech in totals],
        "score_sums": [speech.score_sum for speech in totals],
    }
    await session.execute(_COUNT, columns)


def _columns(given: NewSpeech | SpeechChange) -> dict[str, Any]:
    """What is given, without the tags: they are rows of their own."""
    return {name: value for name, value in vars(given).items() if name != "tag_ids" and value is not None}


async def _tags(session: AsyncSession, tag_ids: Collection[UUID]) -> dict[UUID, TagRef]:
    """Tags by id, kept from being deleted until the transaction ends. Raises UnknownTag."""
    found = select(Tag.id, Tag.name).where(Tag.id.in_(tag_ids)).with_for_update(read=True, key_share=True)
    tags = {tag_id: TagRef(id=tag_id, name=name) for tag_id, name in await session.execute(found)}
    if unknown := sorted(set(tag_ids) - set(tags)):
        raise UnknownTag(f"There is no tag {unknown[0]}.", tag_ids=[str(tag_id) for tag_id in unknown])
    return tags


async def _attach(session: AsyncSession, carried: Mapping[UUID, Collection[UUID]]) -> None:
    rows = [
        {"speech_id": speech_id, "tag_id": tag_id} for speech_id, ids in carried.items() for tag_id in ids
    ]
    if rows:
        await session.execute(insert(SpeechTag), rows)


async def _tags_of(session: AsyncSession, speech_id: UUID) -> list[TagRef]:
    carried = select(Tag.id, Tag.name).join(SpeechTag).where(SpeechTag.speech_id == speech_id)
    return [TagRef(id=tag_id, name=name) for tag_id, name in await session.execute(carried)]


def _snapshot(speech: Speech, tags: Iterable[TagRef]) -> SpeechSnapshot:
    return SpeechSnapshot(
        speech_id=speech.id,
        revision=speech.revision,
        text=speech.text,
        level=speech.level,
        type=speech.type,
        tags=sorted(tags, key=lambda tag: tag.name),
        audio_key=speech.audio_key,
        duration_ms=speech.duration_ms,
    )
