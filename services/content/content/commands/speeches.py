"""Adding, changing and deleting speeches."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from contracts.content import SpeechCreated, SpeechDeleted, SpeechRef, SpeechUpdated
from shared.messaging.outbox import record
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from content.catalogue.changelog import record_change
from content.commands.snapshots import list_tag_ids, lock_tags, snapshot
from content.domain.speeches import ANY_REVISION, NewSpeech, Revisions, SpeechChange, changed_values
from content.errors import SpeechNotFound
from content.models import Speech, SpeechTag


async def create_speech(session: AsyncSession, new: NewSpeech) -> UUID:
    """Add a speech; its id. Raises UnknownTag."""
    [speech_id] = await create_speeches(session, [new])
    return speech_id


async def create_speeches(session: AsyncSession, new: Sequence[NewSpeech]) -> list[UUID]:
    """Add some hundreds of speeches at once; their ids, in the same order. Raises UnknownTag."""
    if not new:
        return []
    tags = await lock_tags(session, {tag_id for speech in new for tag_id in speech.tag_ids})
    speeches = [Speech(**_columns(speech)) for speech in new]
    session.add_all(speeches)
    await session.flush()
    pairs = zip(speeches, new, strict=True)
    carried = {speech.id: wanted.tag_ids for speech, wanted in pairs}
    await _attach(session, carried)
    await record_change(session, [speech.number for speech in speeches])
    for speech in speeches:
        data = snapshot(speech, [tags[tag_id] for tag_id in carried[speech.id]])
        record(session, SpeechCreated, subject=str(speech.id), data=data)
    return list(carried)


async def update_speech(
    session: AsyncSession, speech_id: UUID, change: SpeechChange, *, expected: Revisions = ANY_REVISION
) -> None:
    """Change what is given and raise the revision; what is given as it is already changes nothing.

    Raises SpeechNotFound, UnknownTag, and ChangedMeanwhile for another revision than one of the expected.
    """
    speech = await _locked(session, speech_id, expected)
    carried = (await list_tag_ids(session, [speech_id]))[speech_id]
    wanted = carried if change.tag_ids is None else change.tag_ids
    tags = await lock_tags(session, wanted)
    values = changed_values(speech, _columns(change))
    if not values and wanted == carried:
        return
    if wanted != carried:
        await session.execute(delete(SpeechTag).where(SpeechTag.speech_id == speech_id))
        await _attach(session, {speech_id: wanted})
    values |= {"revision": Speech.revision + 1, "updated_at": func.now()}
    changed = update(Speech).where(Speech.id == speech_id).values(values).returning(Speech)
    speech = (await session.scalars(changed, execution_options={"populate_existing": True})).one()
    await record_change(session, [speech.number])
    record(session, SpeechUpdated, subject=str(speech_id), data=snapshot(speech, tags.values()))


async def delete_speech(
    session: AsyncSession, speech_id: UUID, *, expected: Revisions = ANY_REVISION
) -> None:
    """Take a speech out of the catalogue; its recording stays for past sessions.

    Raises SpeechNotFound, and ChangedMeanwhile for another revision than one of the expected.
    """
    speech = await _locked(session, speech_id, expected)
    await session.execute(delete(Speech).where(Speech.id == speech_id))
    await record_change(session, [speech.number])
    last = SpeechRef(speech_id=speech_id, revision=speech.revision + 1)
    record(session, SpeechDeleted, subject=str(speech_id), data=last)


async def _locked(session: AsyncSession, speech_id: UUID, expected: Revisions) -> Speech:
    """The speech, which nobody else changes until the transaction ends."""
    found = select(Speech).where(Speech.id == speech_id).with_for_update()
    speech = await session.scalar(found, execution_options={"populate_existing": True})
    if speech is None:
        raise SpeechNotFound(f"There is no speech {speech_id}.")
    expected.check(speech.revision)
    return speech


def _columns(given: NewSpeech | SpeechChange) -> dict[str, Any]:
    """What is given, without the tags: they are rows of their own."""
    return {name: value for name, value in vars(given).items() if name != "tag_ids" and value is not None}


async def _attach(session: AsyncSession, carried: Mapping[UUID, Collection[UUID]]) -> None:
    rows = [
        {"speech_id": speech_id, "tag_id": tag_id} for speech_id, ids in carried.items() for tag_id in ids
    ]
    if rows:
        await session.execute(insert(SpeechTag), rows)
