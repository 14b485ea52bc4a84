"""Add or remove tags of many speeches, or archive or restore them, in one transaction."""

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
    to_column_values,
)
from content.domain.speech_batches import BatchChange, BatchOutcome, SpeechState, plan_batch
from content.models import Speech, SpeechTag


async def update_speeches(
    session: AsyncSession, speech_ids: Collection[UUID], change: BatchChange, *, actor: UUID | None
) -> BatchOutcome:
    """Change the speeches that can be changed, and report the others. Raises UnknownTag."""
    # Locked in the common order.
    locked = select(Speech).where(Speech.id.in_(speech_ids)).order_by(Speech.id).with_for_update()
    speeches = {speech.id: speech for speech in await session.scalars(locked)}
    await lock_tags(session, {*change.add_tag_ids, *change.remove_tag_ids})
    tag_ids = await list_tag_ids(session, list(speeches))
    states = {
        speech_id: SpeechState(speech.archived, frozenset(tag_ids[speech_id]))
        for speech_id, speech in speeches.items()
    }
    outcome, new_states = plan_batch(speech_ids, states, change)
    if new_states:
        for speech_id, state in new_states.items():
            before = states[speech_id]
            values = {"archived": state.archived} if state.archived != before.archived else {}
            audit_change(session, speeches[speech_id], values, before.tag_ids, state.tag_ids, actor=actor)
        await _store_states(session, states, new_states, change)
        await record_change(session, [speeches[speech_id].number for speech_id in new_states])
    return outcome


async def _store_states(
    session: AsyncSession,
    before: Mapping[UUID, SpeechState],
    after: Mapping[UUID, SpeechState],
    change: BatchChange,
) -> None:
    removed = SpeechTag.speech_id.in_(list(after)), SpeechTag.tag_id.in_(list(change.remove_tag_ids))
    await session.execute(delete(SpeechTag).where(*removed))
    added = {speech_id: set(state.tag_ids - before[speech_id].tag_ids) for speech_id, state in after.items()}
    await attach_tags(session, added)
    archived_ids = [
        speech_id for speech_id, state in after.items() if state.archived != before[speech_id].archived
    ]
    if archived_ids:
        await publish_revisions(session, archived_ids, to_column_values({"archived": change.archived}))
    if others := after.keys() - archived_ids:
        await publish_revisions(session, others, {})
