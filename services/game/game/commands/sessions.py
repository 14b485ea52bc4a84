"""Save a session: once per idempotency key, with the scores that its receipts support. Or delete one."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from functools import cached_property
from typing import cast
from uuid import UUID

from contracts.game import (
    CompletedResult,
    CompletedSession,
    DeletedSession,
    SessionCompleted,
    SessionDeleted,
)
from contracts.receipt import ReceiptClaims
from shared.clock import utc_now
from shared.messaging.outbox import record
from sqlalchemy import Table, and_, delete, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from game.commands import audit_log
from game.commands.activity import subtract_daily_activity
from game.commands.analytics import subtract_session
from game.commands.practice import add_practice, subtract_practice
from game.commands.reviews import reschedule_speeches, schedule_session
from game.commands.users import lock_active_user, lock_user
from game.domain.clock import MAX_RESPONSE_TIME_MS, SessionTimes, correct_times
from game.domain.sessions import (
    Result,
    SessionTotals,
    evaluate_results,
    settle_receipt,
    validate_sequence,
)
from game.errors import IdempotencyConflict, SessionNotFound
from game.models import GameResult, GameSession, UsedReceipt
from game.queries.sessions import SUMMARY_COLUMNS
from game.queries.speeches import get_texts, list_tag_names
from game.receipts import ReceiptVerifier
from game.schemas.sessions import ResultCreate, SessionCreate, SessionSummary

CLIENT_FIELDS = {"mode", "level", "sentence_type"}
"""Columns stored as sent by the client."""
UUID_PATTERN = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True)
class SaveResult:
    session: SessionSummary
    replayed: bool
    """An earlier request saved it."""


async def save_session(
    session: AsyncSession, user_id: UUID, *, new: SessionCreate, key: str | None, receipts: ReceiptVerifier
) -> SaveResult:
    """Save a finished session and record SessionCompleted, once per key or, without one, per session id.

    A repeated request gets the first response, even if concurrent. Raises AccountErased, Invalid,
    AggregateMismatch, SpeechNotFound, and IdempotencyConflict for a different request with the same key.
    """
    await lock_active_user(session, user_id)
    request = _Request.from_body(new, user_id=user_id, key=key)
    if (replay := await _find_replay(session, request)) is not None:
        return replay
    times = correct_times(new, now=utc_now())
    validate_sequence([result.sequence_number for result in new.results])
    texts = await get_texts(session, {result.speech_id for result in new.results})
    claims = await _verify_receipts(receipts, new.results, user_id=user_id)
    played = [_to_result(result) for result in new.results]
    evaluation = evaluate_results(played, claims=claims, texts=texts, client_totals=new)
    saved = await _insert_session(session, request, times, evaluation.totals)
    if saved is None:
        return await _get_concurrent_replay(session, request)
    results = await _consume_receipts(session, user_id, evaluation.results)
    await _insert_results(session, saved.id, results)
    await schedule_session(session, user_id, saved, results=results)
    await add_practice(session, [saved.id])
    _record_completed(session, user_id, saved, results=results)
    return SaveResult(saved, replayed=False)


@dataclass(frozen=True)
class _Request:
    new: SessionCreate
    user_id: UUID
    key: str | None
    sha256: bytes

    @classmethod
    def from_body(cls, new: SessionCreate, *, user_id: UUID, key: str | None) -> "_Request":
        return cls(new, user_id, key or (str(new.id) if new.id else None), _compute_digest(new))

    @cached_property
    def named_id(self) -> UUID | None:
        """The session id that is used as key."""
        return UUID(self.key) if self.key and UUID_PATTERN.fullmatch(self.key) else None

    @property
    def stored_key(self) -> str | None:
        # Some phones write an id in capitals.
        return str(self.named_id) if self.named_id else self.key

    def has_digest(self, sha256: bytes) -> bool:
        """Return whether this is the digest of the request, its id being in the body, in the key, or both."""
        if sha256 == self.sha256:
            return True
        if self.named_id is None or self.new.id not in (None, self.named_id):
            return False
        id_in_body = self.named_id if self.new.id is None else None
        return sha256 == _compute_digest(self.new.model_copy(update={"id": id_in_body}))


def _compute_digest(new: SessionCreate) -> bytes:
    # Results count in the order of play, whatever their order in the body, and times as instants: a phone
    # that has travelled sends the same ones with another offset. Defaults are omitted: a field added later
    # must not change the digest of the same request.
    canonical = {
        "results": sorted(new.results, key=lambda result: result.sequence_number),
        "started_at": new.started_at.astimezone(UTC),
        "completed_at": new.completed_at.astimezone(UTC),
    }
    copy = new.model_copy(update=canonical)
    # Of a batched session, no id is not the default.
    request = copy.model_dump_json(exclude_defaults=True, exclude=None if new.id else {"id"})
    return hashlib.sha256(request.encode()).digest()


async def _find_replay(session: AsyncSession, request: _Request) -> SaveResult | None:
    """Return the response to an earlier, equal request. Raises IdempotencyConflict."""
    if request.key is None:
        return None
    # An earlier version stored the key as it was sent.
    has_key = GameSession.idempotency_key.in_({request.key, request.stored_key})
    same_key = and_(GameSession.user_id == request.user_id, has_key)
    statement = select(GameSession.user_id, GameSession.request_sha256, *SUMMARY_COLUMNS)
    rows = (await session.execute(statement.where(or_(same_key, GameSession.id == request.new.id)))).all()
    if any(row.user_id != request.user_id or not request.has_digest(row.request_sha256) for row in rows):
        raise IdempotencyConflict(
            "This key or session id was already used for a different request; send a new one."
        )
    return SaveResult(SessionSummary.model_validate(rows[0]), replayed=True) if rows else None


async def _get_concurrent_replay(session: AsyncSession, request: _Request) -> SaveResult:
    """Return the response to a request with the same key that committed after `_find_replay` had run."""
    if (replay := await _find_replay(session, request)) is not None:
        return replay
    raise IdempotencyConflict("The request that used this key is no longer stored; use a new key.")


def _to_result(result: ResultCreate) -> Result:
    response_time_ms = min(result.response_time_ms, MAX_RESPONSE_TIME_MS)
    return Result(**{**result.model_dump(exclude={"receipt"}), "response_time_ms": response_time_ms})


async def _verify_receipts(
    receipts: ReceiptVerifier, results: Sequence[ResultCreate], *, user_id: UUID
) -> dict[int, ReceiptClaims]:
    """Return the claims of the valid receipts, by sequence number."""
    claims = {
        result.sequence_number: await receipts.verify(result.receipt, user_id=user_id)
        for result in results
        if result.receipt
    }
    return {number: valid for number, valid in claims.items() if valid is not None}


async def _insert_session(
    session: AsyncSession, request: _Request, times: SessionTimes, totals: SessionTotals
) -> SessionSummary | None:
    """Return None if the key or id is already used."""
    new = request.new
    row = {
        **new.model_dump(include=CLIENT_FIELDS),
        **vars(times),
        **vars(totals),
        "avg_pronunciation_score": totals.avg_pronunciation_score,
        "selected_tags": await _name_selected_tags(session, new.selected_tags),
        "user_id": request.user_id,
        "idempotency_key": request.stored_key,
        "request_sha256": request.sha256,
        "practice_counted": True,
        **({"id": new.id} if new.id else {}),
    }
    inserted = insert(GameSession).values(row).on_conflict_do_nothing().returning(*SUMMARY_COLUMNS)
    saved = (await session.execute(inserted)).one_or_none()
    return SessionSummary.model_validate(saved) if saved else None


async def _name_selected_tags(session: AsyncSession, tag_ids: Sequence[UUID]) -> list[dict[str, str | None]]:
    """Return the tags with their current names, null where no speech with the tag has arrived yet."""
    names = await list_tag_names(session, tag_ids)
    return [{"id": str(tag_id), "name": names.get(tag_id)} for tag_id in dict.fromkeys(tag_ids)]


async def _consume_receipts(session: AsyncSession, user_id: UUID, results: Sequence[Result]) -> list[Result]:
    """Mark results as verified if their receipt has not been used before."""
    # Of several results with the same receipt, the first one gets it.
    owners = {result.jti: result for result in reversed(results) if result.jti}
    if not owners:
        return list(results)
    # Sorted, so that sessions that share receipts wait for each other instead of deadlocking.
    rows = [{"jti": jti, "user_id": user_id} for jti in sorted(owners)]
    unused = insert(UsedReceipt).on_conflict_do_nothing().returning(UsedReceipt.jti)
    verified = {owners[jti].sequence_number for jti in await session.scalars(unused, rows)}
    return [settle_receipt(result, is_unused=result.sequence_number in verified) for result in results]


async def _insert_results(session: AsyncSession, session_id: UUID, results: Sequence[Result]) -> None:
    rows = [{"session_id": session_id, **vars(result)} for result in results]
    for row in rows:
        del row["jti"]
    # The table, because an insert into the model takes twice as long.
    await session.execute(insert(cast(Table, GameResult.__table__)), rows)


def _record_completed(
    session: AsyncSession, user_id: UUID, saved: SessionSummary, *, results: Sequence[Result]
) -> None:
    completed = CompletedSession(
        session_id=saved.id,
        user_id=user_id,
        mode=saved.mode,
        level=saved.level,
        duration_seconds=saved.duration_seconds,
        completed_at=saved.completed_at,
        utc_offset_minutes=saved.utc_offset_minutes,
        results=[CompletedResult.model_validate(vars(result)) for result in results],
    )
    record(session, SessionCompleted, subject=str(saved.id), data=completed)


async def delete_session(session: AsyncSession, session_id: UUID, *, actor: UUID) -> None:
    """Delete a session, subtract it from all figures, and record SessionDeleted. Raises SessionNotFound.

    Its receipts stay used: their scores cannot be saved again as verified.
    """
    statement = select(GameSession).where(GameSession.id == session_id)
    if (game_session := await session.scalar(statement)) is None:
        raise SessionNotFound("There is no such session.")
    await lock_user(session, game_session.user_id)
    # The learner's activity, or another deletion, may have held the lock.
    if (deleted := await session.scalar(statement.with_for_update())) is None:
        raise SessionNotFound("There is no such session.")
    await subtract_session(session, session_id)
    await subtract_daily_activity(session, deleted)
    await subtract_practice(session, deleted)
    await _record_deleted(session, deleted, actor=actor)
    of_session = select(GameResult.speech_id).where(GameResult.session_id == session_id)
    played = set(await session.scalars(of_session))
    await session.execute(delete(GameSession).where(GameSession.id == session_id))
    await reschedule_speeches(session, deleted.user_id, played)


async def _record_deleted(session: AsyncSession, deleted: GameSession, *, actor: UUID) -> None:
    stored = (
        select(GameResult).where(GameResult.session_id == deleted.id).order_by(GameResult.sequence_number)
    )
    results = [
        CompletedResult.model_validate(result, from_attributes=True)
        for result in await session.scalars(stored)
    ]
    data = DeletedSession(session_id=deleted.id, user_id=deleted.user_id, results=results)
    record(session, SessionDeleted, subject=str(deleted.id), data=data)
    before = {
        "user_id": str(deleted.user_id),
        "level": deleted.level,
        "mode": deleted.mode,
        "total_sentences": deleted.total_sentences,
        "completed_at": deleted.completed_at.isoformat(),
    }
    audit_log.record(session, "session_deleted", subject=deleted.id, actor=actor, before=before)
