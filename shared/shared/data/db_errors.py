"""Classifies PostgreSQL and driver errors: an outage, a conflict to retry, or a bug in our code."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import asyncpg
import structlog
from asyncpg.exceptions import InvalidCachedStatementError
from prometheus_client import Counter
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from shared.data.network import is_network_error
from shared.errors import Unavailable

log = structlog.get_logger(__name__)

CONFLICTS = Counter("transaction_conflicts_total", "Transactions rolled back because of a conflict.")

MAX_ATTEMPTS = 4
"""Attempts at a transaction before its conflict becomes a 503."""
MAX_PAUSE_SECONDS = 0.05

# Connection, resources, operator, system and I/O; a standby or a database that was made read-only.
UNAVAILABLE_CLASSES = ("08", "53", "57", "58000", "58030", "25006", "40003")
# Invalid authorization, invalid name of the database.
REFUSED_CLASSES = ("28", "3D")
# Serialisation failure, deadlock, lock not available (NOWAIT or lock_timeout).
CONFLICT_STATES = {"40001", "40P01", "55P03"}


class DatabaseUnavailable(Unavailable):
    """The database cannot be reached, is starting or stopping, or has no free connection."""

    code = "database_unavailable"


class TransactionConflict(DatabaseUnavailable):
    """The transaction was rolled back because of another one, and may succeed if it is repeated."""


def is_conflict(error: BaseException) -> bool:
    driver_error = _to_driver_error(error)
    # A migration has changed a table that the statement was prepared for.
    return _get_sqlstate(driver_error) in CONFLICT_STATES or isinstance(
        driver_error, InvalidCachedStatementError
    )


def is_connection_error(error: BaseException) -> bool:
    if isinstance(error, PoolTimeout) or (isinstance(error, DBAPIError) and error.connection_invalidated):
        return True
    driver_error = _to_driver_error(error)
    # Subclasses are errors of the caller, such as an argument of the wrong type.
    is_closed = type(driver_error) is asyncpg.InterfaceError and "closed" in str(driver_error)
    return (
        is_closed
        or is_network_error(driver_error)
        or isinstance(driver_error, asyncpg.TargetServerAttributeNotMatched)
        or _get_sqlstate(driver_error).startswith(UNAVAILABLE_CLASSES)
    )


def has_failed_to_begin(error: BaseException, driver: Any) -> bool:
    """Return whether BEGIN failed, or was skipped by a driver that still assumes a failed one."""
    states = {"57014", "25P01"}
    return _get_sqlstate(_to_driver_error(error)) in states and not driver.is_in_transaction()


def find_refusal(error: BaseException) -> str | None:
    """Return PostgreSQL's message if it refused the login, or has no such database."""
    driver_error = _to_driver_error(error)
    is_refused = _get_sqlstate(driver_error).startswith(REFUSED_CLASSES)
    return str(driver_error).splitlines()[0] if is_refused else None


def _to_driver_error(error: BaseException) -> BaseException:
    # The pool raises the dialect's errors unwrapped; both wrappings keep the driver's error as the cause.
    wrapped = error.orig if isinstance(error, DBAPIError) and error.orig else error
    return wrapped.__cause__ if hasattr(wrapped, "pgcode") and wrapped.__cause__ else wrapped


def _get_sqlstate(error: BaseException) -> str:
    return str(getattr(error, "sqlstate", None) or "")


@contextmanager
def translate_driver_errors() -> Iterator[None]:
    """Raise DatabaseUnavailable or TransactionConflict for errors that are not the caller's fault."""
    try:
        yield
    except Exception as error:
        if is_conflict(error):
            CONFLICTS.inc()
            detail = "The request conflicted with another change; try again in a moment."
            raise TransactionConflict(detail, retry_after=1) from error
        if is_connection_error(error):
            raise DatabaseUnavailable("The database does not answer; try again in a moment.") from error
        raise


async def pause_after_conflict(attempt: int) -> None:
    log.warning("transaction_retried", attempt=attempt)
    # A random pause lets one of two conflicting transactions go first.
    await asyncio.sleep(random.uniform(0, MAX_PAUSE_SECONDS * attempt))  # noqa: S311 - no secret


def retry_conflicts[**P, R](work: Callable[P, Awaitable[R]]) -> Callable[P, Coroutine[Any, Any, R]]:
    """Repeat a function whose last transaction had a conflict. Everything before it must be repeatable."""

    @wraps(work)
    async def repeat(*args: P.args, **kwargs: P.kwargs) -> R:
        for attempt in range(1, MAX_ATTEMPTS):
            try:
                return await work(*args, **kwargs)
            except TransactionConflict:
                await pause_after_conflict(attempt)
        return await work(*args, **kwargs)

    return repeat
