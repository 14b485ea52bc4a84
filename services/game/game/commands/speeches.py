"""The copy of speeches. Events may come late, twice and in any order: the outcome is the same."""

from datetime import datetime

from contracts.content import SpeechRef, SpeechSnapshot
from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from game.models import SpeechDeletion, SpeechRevision, TagName

SNAPSHOT_COLUMNS = set(SpeechRevision.__table__.columns.keys()) - {"tags", "since"}


async def store_speech_revision(session: AsyncSession, snapshot: SpeechSnapshot, *, since: datetime) -> None:
    """Keep a revision of a speech for ever, beside the others, and the names of its tags."""
    row = {name: getattr(snapshot, name) for name in SNAPSHOT_COLUMNS}
    row |= {"tags": [{"id": str(tag.id), "name": tag.name} for tag in snapshot.tags], "since": since}
    revision = insert(SpeechRevision).values(row)
    earliest = func.least(SpeechRevision.since, revision.excluded.since)
    kept = revision.on_conflict_do_update(index_elements=["speech_id", "revision"], set_={"since": earliest})
    await session.execute(kept)
    await _name_tags(session, snapshot, since=since)


async def _name_tags(session: AsyncSession, snapshot: SpeechSnapshot, *, since: datetime) -> None:
    names = {tag.id: tag.name for tag in snapshot.tags}
    if not names:
        return
    # In one order for everybody: snapshots that share tags wait for each other instead of for ever.
    rows = [{"tag_id": tag_id, "name": names[tag_id], "since": since} for tag_id in sorted(names)]
    named = insert(TagName).values(rows)
    newer = named.excluded.since > TagName.since
    newest = {"name": named.excluded.name, "since": named.excluded.since}
    await session.execute(named.on_conflict_do_update(index_elements=["tag_id"], set_=newest, where=newer))


async def record_speech_deletion(session: AsyncSession, speech: SpeechRef, *, deleted_at: datetime) -> None:
    """Note that a speech left the catalogue. Its revisions stay, and sessions with it can still be saved."""
    deletion = insert(SpeechDeletion).values(
        speech_id=speech.speech_id, revision=speech.revision, deleted_at=deleted_at
    )
    await session.execute(deletion.on_conflict_do_nothing())
