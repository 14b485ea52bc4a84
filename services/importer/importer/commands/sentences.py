"""Maintain the copy of the catalogue's sentences. Events may arrive twice and in any order."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any
from uuid import UUID

from contracts.content import SpeechSnapshot
from sqlalchemy import BigInteger, BindParameter, Integer, String, Uuid, any_, func, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import TypeEngine

from importer.domain.sentences import hash_sentence
from importer.models import CatalogueSentence, UploadedFile

COLUMNS = ("speech_id", "revision", "sentence_hash")


async def store_sentences(session: AsyncSession, snapshots: Sequence[SpeechSnapshot]) -> None:
    """Store the sentences of speeches, and claim the recordings they use."""
    await _store(
        session,
        [(snapshot.speech_id, snapshot.revision, hash_sentence(snapshot.text)) for snapshot in snapshots],
    )
    await _claim_recordings(session, [snapshot.audio_key for snapshot in snapshots])


async def clear_sentence(session: AsyncSession, speech_id: UUID, *, revision: int) -> None:
    await _store(session, [(speech_id, revision, None)])


async def _store(session: AsyncSession, rows: Collection[tuple[UUID, int, int | None]]) -> None:
    # Arrays, because SQLAlchemy would compile a list of values for each event, which takes longer than the
    # query.
    ids, revisions, hashes = zip(*rows, strict=True)
    columns = [_to_array(ids, Uuid), _to_array(revisions, Integer), _to_array(hashes, BigInteger)]
    incoming = func.unnest(*columns).table_valued(*COLUMNS).render_derived()
    # Stored in a fixed order, so that two events with the same speeches do not deadlock.
    stored = insert(CatalogueSentence).from_select(COLUMNS, select(incoming).order_by(incoming.c.speech_id))
    newer = {name: stored.excluded[name] for name in ("revision", "sentence_hash")}
    is_newer = stored.excluded.revision > CatalogueSentence.revision
    await session.execute(
        stored.on_conflict_do_update(index_elements=["speech_id"], set_=newer, where=is_newer)
    )


async def _claim_recordings(session: AsyncSession, keys: Collection[str]) -> None:
    # An editor may have created a speech with an uploaded recording, which must outlive its upload session.
    used = UploadedFile.object_key == any_(_to_array(keys, String))
    statement = update(UploadedFile).where(used, UploadedFile.claimed_at.is_(None))
    await session.execute(statement.values(claimed_at=func.now()))


def _to_array(values: Iterable[object], kind: type[TypeEngine[Any]]) -> BindParameter[Sequence[Any]]:
    return literal(list(values), ARRAY(kind))
