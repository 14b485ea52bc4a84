"""Keep the copy of the catalogue's sentences. Events may arrive twice and in any order."""

from collections.abc import Collection, Sequence
from uuid import UUID

from contracts.content import SpeechSnapshot
from sqlalchemy import String, any_, func, literal, update
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncSession

from importer.domain.sentences import hash_sentence
from importer.models import CatalogueSentence, UploadedFile


async def store_sentences(session: AsyncSession, snapshots: Sequence[SpeechSnapshot]) -> None:
    """Store the sentences of speeches, and keep the recordings that they use."""
    rows = [
        {"speech_id": each.speech_id, "revision": each.revision, "sentence_hash": hash_sentence(each.text)}
        for each in snapshots
    ]
    await _store(session, rows)
    await _keep_recordings(session, [each.audio_key for each in snapshots])


async def forget_sentence(session: AsyncSession, speech_id: UUID, *, revision: int) -> None:
    await _store(session, [{"speech_id": speech_id, "revision": revision, "sentence_hash": None}])


async def _store(session: AsyncSession, rows: Sequence[dict[str, object]]) -> None:
    # In one order, so that two events with the same speeches wait instead of deadlocking.
    stored = insert(CatalogueSentence).values(sorted(rows, key=lambda row: str(row["speech_id"])))
    newer = {name: stored.excluded[name] for name in ("revision", "sentence_hash")}
    is_newer = stored.excluded.revision > CatalogueSentence.revision
    await session.execute(
        stored.on_conflict_do_update(index_elements=["speech_id"], set_=newer, where=is_newer)
    )


async def _keep_recordings(session: AsyncSession, keys: Collection[str]) -> None:
    # An editor may have created a speech with an uploaded recording, which must outlive its upload session.
    used = UploadedFile.object_key == any_(literal(list(keys), ARRAY(String)))
    kept = update(UploadedFile).where(used, UploadedFile.claimed_at.is_(None))
    await session.execute(kept.values(claimed_at=func.now()))
