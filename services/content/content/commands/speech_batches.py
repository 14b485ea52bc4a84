"""Give many speeches the same tags, or archive or restore them, in one transaction."""

from collections.abc import Collection, Mapping
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from content.catalogue import record_change
from content.commands.speeches import (
    attach_tags,
    audit_change,
    list_tag_ids,
    lock_tags,
    publish_revisions,
    to_stored,
)
from content.domain.speech_batches import BatchChange, BatchOutcome, SpeechState, decide_batch
from content.models import Speech, SpeechTag


async def update_speeches(
    session: AsyncSession, speech_ids: Collection[UUID], change: BatchChange, *, actor: UUID | None
) -> BatchOutcome:
    """Change the speeches that can be changed, and report the others. Raises UnknownTag."""
    # In the common lock order.
    locked = select(Speech).where(Speech.id.in_(speech_ids)).order_by(Speech.id).with_for_update()
    speeches = {speech.id: speech for speech in await session.scalars(locked)}
    await lock_tags(session, {*change.add_tag_ids, *change.remove_tag_ids})
    carried = await list_tag_ids(session, list(speeches))
    states = {
        speech_id: SpeechState(speech.archived, frozenset(carried[speech_id]))
        for speech_id, speech in speeches.items()
    }
    outcome, wanted = decide_batch(speech_ids, states, change)
    if wanted:
        for speech_id, state in wanted.items():
            moved = {"archived": state.archived} if state.archived != states[speech_id].archived else {}
            tags = states[speech_id].tag_ids, state.tag_ids
            audit_change(session, speeches[speech_id], moved, *tags, actor=actor)
        await _store(session, states, wanted, change)
        await record_change(session, [speeches[speech_id].number for speech_id in wanted])
    return outcome


async def _store(
    session: AsyncSession,
    before: Mapping[UUID, SpeechState],
    after: Mapping[UUID, SpeechState],
    change: BatchChange,
) -> None:
    removed = SpeechTag.speech_id.in_(list(after)), SpeechTag.tag_id.in_(list(change.remove_tag_ids))
    await session.execute(delete(SpeechTag).where(*removed))
    added = {speech_id: set(state.tag_ids - before[speech_id].tag_ids) for speech_id, state in after.items()}
    await attach_tags(session, added)
    moved = [speech_id for speech_id, state in after.items() if state.archived != before[speech_id].archived]
    if moved:
        await publish_revisions(session, moved, to_stored({"archived": change.archived}))
    if others := after.keys() - moved:
        await publish_revisions(session, others, {})
