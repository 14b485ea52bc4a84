"""Keep the local copy of speeches. The order in which events arrive, even twice, does not matter."""

from datetime import datetime

from contracts.content import SpeechRef, SpeechSnapshot
from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from game.models import SpeechDeletion, SpeechRevision, TagName

SNAPSHOT_COLUMNS = set(SpeechRevision.__table__.columns.keys()) - {"tags", "since"}
"""Fields of a snapshot that are stored as they are. A field that the table does not have is ignored."""


async def store_speech_revision(session: AsyncSession, snapshot: SpeechSnapshot, *, since: datetime) -> None:
    """Store a revision for good, next to the earlier ones, and the names of its tags."""
    row = {name: getattr(snapshot, name) for name in SNAPSHOT_COLUMNS}
    row |= {"tags": [{"id": str(tag.id), "name": tag.name} for tag in snapshot.tags], "since": since}
    revision = insert(SpeechRevision).values(row)
    earliest = func.least(SpeechRevision.since, revision.excluded.since)
    stored = revision.on_conflict_do_update(
        index_elements=["speech_id", "revision"], set_={"since": earliest}
    )
    await session.execute(stored)
    await _store_tag_names(session, snapshot, since=since)


async def _store_tag_names(session: AsyncSession, snapshot: SpeechSnapshot, *, since: datetime) -> None:
    names = {tag.id: tag.name for tag in snapshot.tags}
    if not names:
        return
    # Sorted, so that snapshots that share tags wait for each other instead of deadlocking.
    rows = [{"tag_id": tag_id, "name": names[tag_id], "since": since} for tag_id in sorted(names)]
    named = insert(TagName).values(rows)
    is_newer = named.excluded.since > TagName.since
    newest = {"name": named.excluded.name, "since": named.excluded.since}
    await session.execute(named.on_conflict_do_update(index_elements=["tag_id"], set_=newest, where=is_newer))


async def record_speech_deletion(session: AsyncSession, speech: SpeechRef, *, deleted_at: datetime) -> None:
    """Record that a speech left the catalogue. Sessions with it can still be saved."""
    deletion = insert(SpeechDeletion).values(
        speech_id=speech.speech_id, revision=speech.revision, deleted_at=deleted_at
    )
    await session.execute(deletion.on_conflict_do_nothing())
