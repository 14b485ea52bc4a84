"""The letters that were asked for, sent by the worker one by one until each has left or is too old."""

import asyncio
from datetime import UTC, datetime, timedelta

import structlog
from prometheus_client import Counter
from shared.data.db import Database
from shared.errors import Unavailable
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from auth.emails.mailers import EmailNotSent, Mailer
from auth.emails.templates import LINK_PATHS, compose_email
from auth.models import EmailRequest, User
from auth.tokens import one_time_tokens
from auth.types import EmailKind, TokenPurpose

log = structlog.get_logger(__name__)

POLL_SECONDS = 0.5
RETRY_DELAYS = tuple(timedelta(seconds=seconds) for seconds in (5, 30, 120, 600, 1800, 3600))
"""Before the second, third, ... try. A link that comes later than this helps nobody."""

EMAILS = Counter("letters_total", "Letters, by what became of them.", ["letter", "outcome"])


class EmailSender:
    """Sends letters. Links lead to pages below `account_url`, the token in the fragment, which no log has."""

    def __init__(self, mailer: Mailer, *, sender: str, account_url: str) -> None:
        self._mailer, self._sender, self._account_url = mailer, sender, account_url.rstrip("/")

    async def run(self, database: Database) -> None:
        """Send what is asked for, for ever. Several workers share the work."""
        while True:
            try:
                while await self.send_next(database):
                    pass
            except Unavailable as error:
                log.warning("mailing_waits", reason=error.detail)
            except Exception:
                # Whatever it is, the requests are safe in their table, and the next letter may fare better.
                log.exception("mailing_failed")
            await asyncio.sleep(POLL_SECONDS)

    async def send_next(self, database: Database, *, now: datetime | None = None) -> bool:
        """Send the letter that waits longest; whether there was one.

        The request is removed in the transaction that holds the link's token: a worker that dies in between
        leaves both undone, and at worst a link that does not work is followed by one that does.
        """
        now = now or datetime.now(UTC)
        async with database.transaction() as session:
            due = (
                select(EmailRequest).where(EmailRequest.due_at <= now).order_by(EmailRequest.due_at).limit(1)
            )
            request = await session.scalar(due.with_for_update(skip_locked=True))
            if request is None:
                return False
            outcome = await self._answer(session, request, now=now)
        EMAILS.labels(request.letter, outcome).inc()
        return True

    async def _answer(self, session: AsyncSession, request: EmailRequest, *, now: datetime) -> str:
        try:
            async with session.begin_nested():
                outcome = await self._send(session, request, now=now)
        except EmailNotSent as error:
            log.warning(
                "letter_not_sent", letter=request.letter, request=str(request.id), reason=error.reason
            )
            if not error.final and request.attempts < len(RETRY_DELAYS):
                request.due_at = now + RETRY_DELAYS[request.attempts]
                request.attempts += 1
                return "delayed"
            outcome = "given_up"
        await session.delete(request)
        return outcome

    async def _send(self, session: AsyncSession, request: EmailRequest, *, now: datetime) -> str:
        user = await session.scalar(select(User).where(User.email_key == request.email_key))
        if user is None:
            return "nobody"
        letter: EmailKind = request.letter  # type: ignore[assignment]
        link = None
        if letter in LINK_PATHS:
            link = await self._link(session, user, letter, now=now)
            if link is None:
                return "repeated"
        name = user.name if user.email_verified else None
        message = compose_email(letter, to=user.email, name=name, sender=self._sender, link=link)
        await self._mailer.send(message, link=link)
        return "sent"

    async def _link(
        self, session: AsyncSession, user: User, purpose: TokenPurpose, *, now: datetime
    ) -> str | None:
        if purpose == "verify_email" and user.email_verified:
            return None
        token = await one_time_tokens.issue(session, user.id, purpose, now=now)
        return f"{self._account_url}/{LINK_PATHS[purpose]}#token={token}" if token else None
