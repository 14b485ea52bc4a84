"""Saving a session: once for a key, with what its receipts prove."""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

from contracts.game import CompletedResult, CompletedSession, SessionCompleted
from shared.messaging.outbox import record
from sqlalchemy import and_, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from game.domain.sessions import (
    Result,
    SessionTotals,
    apply_receipt,
    compute_totals,
    validate_sequence,
    validate_times,
    validate_totals,
)
from game.errors import IdempotencyConflict, SpeechNotFound
from game.models import GameResult, GameSession, SpeechRevision, TagName, UsedReceipt
from game.queries.sessions import SUMMARY_COLUMNS
from game.receipts import ReceiptVerifier
from game.schemas.sessions import ResultCreate, SessionCreate, SessionSummary

CLIENT_FIELDS = {"mode", "level", "sentence_type", "duration_seconds", "started_at", "completed_at"}
"""What is kept as the client has sent it."""


@dataclass(frozen=True)
class SaveResult:
    """A session that is kept. `replayed` means that an earlier request had saved it."""

    session: SessionSummary
    replayed: bool


async def save_session(
    session: AsyncSession, learner: UUID, *, new: SessionCreate, key: str | None, receipts: ReceiptVerifier
) -> SaveResult:
    """Save a finished game and record SessionCompleted, once for a key; without one, for the session's id.

    The same request again gives the first answer again, even at the same moment. Raises Invalid,
    AggregateMismatch, SpeechNotFound, and IdempotencyConflict for another request under the same key.
    """
    request = _Request.of(new, learner=learner, key=key)
    if (earlier := await _find_replay(session, request)) is not None:
        return earlier
    validate_times(new.started_at, new.completed_at, now=datetime.now(UTC))
    validate_sequence([result.sequence_number for result in new.results])
    results = await _verify_receipts(session, learner, new.results, receipts)
    totals = compute_totals(results)
    validate_totals(totals, new)
    saved = await _insert_session(session, request, totals)
    if saved is None:
        # A request with the same key was committed after we had looked for one.
        if (earlier := await _find_replay(session, request)) is not None:
            return earlier
        raise IdempotencyConflict("The request with this key was withdrawn; use a new key.")
    results = await _consume_receipts(session, learner, results)
    await _insert_results(session, saved.id, results)
    _record_completed(session, learner, saved, results)
    return SaveResult(saved, replayed=False)


@dataclass(frozen=True)
class _Request:
    """A session to save, and what tells the request from others."""

    new: SessionCreate
    learner: UUID
    key: str | None
    sha256: bytes

    @classmethod
    def of(cls, new: SessionCreate, *, learner: UUID, key: str | None) -> "_Request":
        # Without defaults: a field that is added later must not make a repeated request look like another.
        digest = hashlib.sha256(new.model_dump_json(exclude_defaults=True).encode()).digest()
        return cls(new, learner, key or (str(new.id) if new.id else None), digest)


async def _find_replay(session: AsyncSession, request: _Request) -> SaveResult | None:
    """The first answer to this request, if it was made before. Raises IdempotencyConflict."""
    if request.key is None:
        return None
    same_key = and_(GameSession.user_id == request.learner, GameSession.idempotency_key == request.key)
    found = select(GameSession.user_id, GameSession.request_sha256, *SUMMARY_COLUMNS)
    rows = (await session.execute(found.where(or_(same_key, GameSession.id == request.new.id)))).all()
    if any((row.user_id, row.request_sha256) != (request.learner, request.sha256) for row in rows):
        raise IdempotencyConflict("This key or session id was used for another request.")
    return SaveResult(SessionSummary.model_validate(rows[0]), replayed=True) if rows else None


async def _verify_receipts(
    session: AsyncSession, learner: UUID, played: Sequence[ResultCreate], receipts: ReceiptVerifier
) -> list[Result]:
    """The results in the order they were played, with the scores that receipts bring along."""
    texts = await _get_texts(session, {result.speech_id for result in played})
    in_order = sorted(played, key=lambda result: result.sequence_number)
    return [await _verify_receipt(result, learner, receipts, texts[result.speech_id]) for result in in_order]


async def _get_texts(session: AsyncSession, speech_ids: Collection[UUID]) -> Mapping[UUID, Collection[str]]:
    """The texts of all revisions of each speech. Raises SpeechNotFound."""
    texts: dict[UUID, set[str]] = defaultdict(set)
    revisions = select(SpeechRevision.speech_id, SpeechRevision.text)
    for speech_id, text in await session.execute(revisions.where(SpeechRevision.speech_id.in_(speech_ids))):
        texts[speech_id].add(text)
    if unknown := sorted(str(speech_id) for speech_id in speech_ids if speech_id not in texts):
        raise SpeechNotFound(f"There is no speech {', '.join(unknown)}.", speech_ids=unknown)
    return texts


async def _verify_receipt(
    new: ResultCreate, learner: UUID, receipts: ReceiptVerifier, texts: Collection[str]
) -> Result:
    result = Result(**new.model_dump(exclude={"receipt"}))
    claims = await receipts.verify(new.receipt, learner=learner) if new.receipt else None
    return apply_receipt(result, claims, texts=texts) if claims else result


async def _insert_session(
    session: AsyncSession, request: _Request, totals: SessionTotals
) -> SessionSummary | None:
    """The session as it was kept, or None if its key or its id is taken."""
    new = request.new
    row = {
        **new.model_dump(include=CLIENT_FIELDS),
        **vars(totals),
        "avg_pronunciation_score": totals.avg_pronunciation_score,
        "selected_tags": await _name_selected_tags(session, new.selected_tags),
        "user_id": request.learner,
        "idempotency_key": request.key,
        "request_sha256": request.sha256,
        **({"id": new.id} if new.id else {}),
    }
    inserted = insert(GameSession).values(row).on_conflict_do_nothing().returning(*SUMMARY_COLUMNS)
    kept = (await session.execute(inserted)).one_or_none()
    return SessionSummary.model_validate(kept) if kept else None


async def _name_selected_tags(session: AsyncSession, tag_ids: Sequence[UUID]) -> list[dict[str, str | None]]:
    """The tags with the names they have now. One that no speech has told of is kept without a name."""
    if not tag_ids:
        return []
    known = await session.execute(select(TagName.tag_id, TagName.name).where(TagName.tag_id.in_(tag_ids)))
    names = {tag_id: name for tag_id, name in known}
    return [{"id": str(tag_id), "name": names.get(tag_id)} for tag_id in dict.fromkeys(tag_ids)]


async def _consume_receipts(session: AsyncSession, learner: UUID, results: Sequence[Result]) -> list[Result]:
    """The results, verified where a receipt proves the score that has proved no other before."""
    # The first of several results with the same receipt gets it.
    owners = {result.jti: result for result in reversed(results) if result.jti}
    if not owners:
        return list(results)
    # In one order for everybody: sessions that share receipts wait for each other instead of for ever.
    rows = [{"jti": jti, "user_id": learner} for jti in sorted(owners)]
    unused = insert(UsedReceipt).on_conflict_do_nothing().returning(UsedReceipt.jti)
    proved = {owners[jti].sequence_number for jti in await session.scalars(unused, rows)}
    return [replace(result, verified=result.sequence_number in proved) for result in results]


async def _insert_results(session: AsyncSession, session_id: UUID, results: Sequence[Result]) -> None:
    rows = [{"session_id": session_id, **vars(result)} for result in results]
    for row in rows:
        del row["jti"]
    # Without the option, rows that differ in what is null would become statements of their own.
    await session.execute(insert(GameResult), rows, execution_options={"render_nulls": True})


def _record_completed(
    session: AsyncSession, learner: UUID, saved: SessionSummary, results: Sequence[Result]
) -> None:
    completed = CompletedSession(
        session_id=saved.id,
        user_id=learner,
        mode=saved.mode,
        level=saved.level,
        duration_seconds=saved.duration_seconds,
        completed_at=saved.completed_at,
        results=[CompletedResult.model_validate(vars(result)) for result in results],
    )
    record(session, SessionCompleted, subject=str(saved.id), data=completed)
