"""Save the sessions that a phone has kept while it was offline."""

import asyncio
import time
from collections.abc import Iterable
from typing import TypeGuard
from uuid import UUID

import structlog
from shared.data.db import Database
from shared.data.db_errors import DatabaseUnavailable, TransactionConflict, retry_conflicts
from shared.errors import Invalid, ParleyError

from game.commands.sessions import SaveResult, save_session
from game.errors import AccountErased, BatchInterrupted
from game.receipts import ReceiptVerifier
from game.schemas.sessions import SessionCreate

log = structlog.get_logger(__name__)

MAX_SECONDS = 10.0
"""The gateway waits for twenty, five of which a batch may wait for its turn."""
RETRY_AFTER_ERROR_SECONDS = 60

type Outcome = SaveResult | ParleyError


async def save_sessions(
    database: Database,
    user_id: UUID,
    *,
    sessions: Iterable[SessionCreate | Invalid],
    receipts: ReceiptVerifier,
) -> list[Outcome]:
    """Save each session in its own transaction, in order, and return its result or error.

    Once the database is unavailable, or MAX_SECONDS have passed, no more are tried. Raises AccountErased, and
    DatabaseUnavailable if the first session cannot be saved because of it.
    """
    outcomes: list[Outcome] = []
    interruption: ParleyError | None = None
    end = time.monotonic() + MAX_SECONDS
    for new in sessions:
        # Refusing an invalid session waits for nothing, so other requests would wait for all of them.
        await asyncio.sleep(0)
        if time.monotonic() > end:
            interruption = interruption or BatchInterrupted()
        outcome = interruption or await _try_to_save(database, user_id, new=new, receipts=receipts)
        if _is_outage(outcome):
            if not outcomes:
                raise outcome
            interruption = outcome
        outcomes.append(outcome)
    return outcomes


def _is_outage(outcome: Outcome) -> TypeGuard[DatabaseUnavailable]:
    # A conflict concerns one session.
    return isinstance(outcome, DatabaseUnavailable) and not isinstance(outcome, TransactionConflict)


async def _try_to_save(
    database: Database, user_id: UUID, *, new: SessionCreate | Invalid, receipts: ReceiptVerifier
) -> Outcome:
    if isinstance(new, Invalid):
        return new
    try:
        return await _save(database, user_id, new=new, receipts=receipts)
    except AccountErased:
        raise
    except ParleyError as error:
        return error
    except Exception:
        # A phone sends the batch again until all is saved: an error of ours must not stop the other sessions.
        log.exception("unhandled_exception")
        detail = "This session could not be saved because of an error on our side; send it again later."
        return ParleyError(detail, headers={"Retry-After": str(RETRY_AFTER_ERROR_SECONDS)})


@retry_conflicts
async def _save(
    database: Database, user_id: UUID, *, new: SessionCreate, receipts: ReceiptVerifier
) -> SaveResult:
    async with database.transaction() as session:
        return await save_session(session, user_id, new=new, key=None, receipts=receipts)
