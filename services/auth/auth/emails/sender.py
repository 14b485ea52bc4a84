from datetime import datetime, timedelta

import structlog
from prometheus_client import Counter
from shared.clock import utc_now
from shared.data.db import Database
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from auth.emails.mailers import EmailNotSent, Mailer
from auth.emails.templates import LINK_PATHS, compose_email
from auth.models import EmailRequest, User
from auth.tokens import one_time_tokens
from auth.types import TokenPurpose

log = structlog.get_logger(__name__)

RETRY_DELAYS = tuple(timedelta(seconds=seconds) for seconds in (5, 30, 120, 600, 1800, 3600))
"""Delays before the second, third, … attempt. After the last one the links would be of no use."""

EMAILS = Counter("letters_total", "E-mails, by kind and by outcome of an attempt.", ["letter", "outcome"])


class EmailSender:
    """Delivery of requested e-mails. Links carry the token in the fragment, which no server or proxy logs."""

    def __init__(self, database: Database, mailer: Mailer, *, sender: str, account_url: str) -> None:
        self._database, self._mailer = database, mailer
        self._sender, self._account_url = sender, account_url.rstrip("/")

    async def send_next(self, *, now: datetime | None = None) -> bool:
        """Send the e-mail that has waited longest; return whether there was one.

        Its request is deleted in the transaction that stores the link's token. If the worker dies in
        between, the account may receive a dead link, and then a working one. Several workers may run.
        """
        now = now or utc_now()
        async with self._database.transaction() as session:
            due = select(EmailRequest).where(EmailRequest.due_at <= now).order_by(EmailRequest.due_at)
            request = await session.scalar(due.limit(1).with_for_update(skip_locked=True))
            if request is None:
                return False
            outcome = await self._process(session, request, now=now)
        EMAILS.labels(request.kind, outcome).inc()
        return True

    async def _process(self, session: AsyncSession, request: EmailRequest, *, now: datetime) -> str:
        try:
            async with session.begin_nested():
                outcome = await self._send(session, request, now=now)
        except EmailNotSent as error:
            log.warning("email_not_sent", kind=request.kind, request=str(request.id), reason=error.reason)
            if not error.permanent and request.attempts < len(RETRY_DELAYS):
                request.due_at = now + RETRY_DELAYS[request.attempts]
                request.attempts += 1
                return "delayed"
            outcome = "given_up"
        await session.delete(request)
        return outcome

    async def _send(self, session: AsyncSession, request: EmailRequest, *, now: datetime) -> str:
        user = await session.scalar(select(User).where(User.email_key == request.email_key))
        if user is None:
            return "no_account"
        kind, link = request.kind, None
        if kind == "verify_email" or kind == "reset_password":
            link = await self._create_link(session, user, kind, request.email_key, now=now)
            if link is None:
                return "repeated"
        name = user.name if user.email_verified else None
        message = compose_email(
            kind, to=user.email or request.email_key, name=name, sender=self._sender, link=link
        )
        await self._mailer.send(message, link=link)
        return "sent"

    async def _create_link(
        self, session: AsyncSession, user: User, purpose: TokenPurpose, email_key: str, *, now: datetime
    ) -> str | None:
        """Return None if the address is verified already, or a link was just sent."""
        if purpose == "verify_email" and user.email_verified:
            return None
        token = await one_time_tokens.issue(session, user.id, purpose, email_key=email_key, now=now)
        return f"{self._account_url}/{LINK_PATHS[purpose]}#token={token}" if token else None
