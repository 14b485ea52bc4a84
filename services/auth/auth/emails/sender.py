import asyncio
from collections import Counter as Multiset
from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import NamedTuple

import structlog
from prometheus_client import Counter
from shared.clock import utc_now
from shared.data.db import Database
from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from auth.domain.one_time_tokens import LIMITED_NOTICES, MAX_EMAILS_PER_DAY, get_max_emails_per_day
from auth.emails import quota
from auth.emails.mailers import EmailNotSent, Mailer
from auth.emails.templates import LINK_PATHS, compose_email
from auth.models import EmailRequest, OneTimeToken, User
from auth.tokens import one_time_tokens
from auth.tokens.opaque_tokens import compute_digest
from auth.types import TokenPurpose

log = structlog.get_logger(__name__)

RETRY_DELAYS = tuple(timedelta(seconds=seconds) for seconds in (5, 30, 120, 600, 1800, 3600))
"""Delays before the second, third, … attempt. After the last one the links would have expired."""
CLAIM_TTL = timedelta(minutes=1)
"""After this time, another worker takes over an unfinished claim. Longer than any attempt."""
MAX_SENDING_PER_DOMAIN = 2
"""Mail servers may wait for a recipient's slow server before they reply. Other e-mails must not wait too."""

EMAILS = Counter("letters_total", "E-mails, by kind and by outcome of an attempt.", ["letter", "outcome"])


class _Draft(NamedTuple):
    """A request's e-mail, or the reason why there is none."""

    outcome: str = ""
    message: EmailMessage | None = None
    link: str | None = None


class EmailSender:
    """Delivery of requested e-mails. Links carry the token in the fragment, which no server or proxy logs."""

    def __init__(self, database: Database, mailer: Mailer, *, sender: str, account_url: str) -> None:
        self._database, self._mailer = database, mailer
        self._sender, self._account_url = sender, account_url.rstrip("/")
        self._claiming, self._sending = asyncio.Lock(), Multiset[str]()

    async def send_next(self, *, now: datetime | None = None) -> bool:
        """Send the longest-waiting e-mail; return whether there was one. May run several times at once."""
        now = now or utc_now()
        async with self._claiming:
            request = await self._claim(now=now)
            if request is None:
                return False
            domain = request.email_key.rpartition("@")[2]
            self._sending[domain] += 1
        try:
            await self._send_claimed(request, now=now)
        finally:
            self._sending -= Multiset([domain])
        return True

    async def _send_claimed(self, request: EmailRequest, *, now: datetime) -> None:
        # The mail server may be slow, so no transaction is open while sending. If the worker dies after
        # sending, the e-mail is sent again with a new link, and the first link does not work.
        async with self._database.transaction() as session:
            draft = await self._prepare(session, request, now=now)
        outcome = draft.outcome
        if draft.message is not None:
            outcome = await self._send(request, draft.message, link=draft.link)
        async with self._database.transaction() as session:
            await _store_outcome(session, request, outcome, now=now)
        EMAILS.labels(request.kind, outcome).inc()

    async def _claim(self, *, now: datetime) -> EmailRequest | None:
        async with self._database.transaction() as session:
            busy = [domain for domain, count in self._sending.items() if count >= MAX_SENDING_PER_DOMAIN]
            domain = func.split_part(EmailRequest.email_key, "@", -1)
            due = select(EmailRequest).where(EmailRequest.due_at <= now, domain.not_in(busy))
            oldest = due.order_by(EmailRequest.due_at).limit(1)
            request = await session.scalar(oldest.with_for_update(skip_locked=True))
            if request is not None:
                request.due_at = now + CLAIM_TTL
            return request

    async def _prepare(self, session: AsyncSession, request: EmailRequest, *, now: datetime) -> _Draft:
        # The account is locked first, as everywhere. Its deletion also deletes the request.
        has_address = User.email_key == request.email_key
        owner = select(User).where(User.id == request.user_id if request.user_id else has_address)
        user = await session.scalar(owner.with_for_update(read=True, key_share=True))
        claimed = await session.get(EmailRequest, request.id, with_for_update=True)
        if user is None or claimed is None:
            return _Draft("no_account")
        kind, link = claimed.kind, None
        if await _is_notice_exhausted(session, claimed, now=now):
            return _Draft("repeated")
        if kind == "verify_email" or kind == "reset_password" or kind == "change_email":
            link = await self._create_link(session, user, claimed, kind, now=now)
            if link is None:
                return _Draft("repeated")
        if kind == "change_email" and await _is_taken(session, user, claimed.email_key):
            # The token counts as sent, so that not even the daily limit reveals it.
            kind, link = "email_taken", None
        is_own = user.email_key == claimed.email_key
        name = user.name if is_own and user.email_verified else None
        recipient = (
            user.email if is_own else user.new_email if kind == "change_email" else None
        ) or claimed.email_key
        return _Draft(
            message=compose_email(kind, recipient=recipient, name=name, sender=self._sender, link=link),
            link=link,
        )

    async def _send(self, request: EmailRequest, message: EmailMessage, *, link: str | None) -> str:
        try:
            await self._mailer.send(message, link=link)
        except EmailNotSent as error:
            log.warning("email_not_sent", kind=request.kind, request=str(request.id), reason=error.reason)
            may_retry = not error.permanent and request.attempts < len(RETRY_DELAYS)
            return "delayed" if may_retry else "given_up"
        return "sent"

    async def _create_link(
        self,
        session: AsyncSession,
        user: User,
        request: EmailRequest,
        purpose: TokenPurpose,
        *,
        now: datetime,
    ) -> str | None:
        """Return None if the link is no longer needed, or the daily limit is reached."""
        if purpose == "verify_email" and user.email_verified:
            return None
        pending = one_time_tokens.find_pending_email_key(user, now=now)
        if purpose == "change_email" and pending != request.email_key:
            return None
        limit = get_max_emails_per_day(from_known_address=request.from_known_address)
        if await quota.is_exhausted(session, purpose, request.email_key, now=now, max_per_day=limit):
            return None
        # Only the hash of an earlier attempt's token is stored, so its link is replaced.
        await session.execute(delete(OneTimeToken).where(OneTimeToken.digest == request.token_digest))
        token = await one_time_tokens.issue(
            session, user.id, purpose, email_key=request.email_key, now=now, max_per_day=limit
        )
        if token is None:
            return None
        request.token_digest = compute_digest(token)
        return f"{self._account_url}/{LINK_PATHS[purpose]}#token={token}"


async def _is_notice_exhausted(session: AsyncSession, request: EmailRequest, *, now: datetime) -> bool:
    purpose = LIMITED_NOTICES.get(request.kind)
    return purpose is not None and await quota.is_exhausted(
        session, purpose, request.email_key, now=now, max_per_day=MAX_EMAILS_PER_DAY
    )


async def _is_taken(session: AsyncSession, user: User, email_key: str) -> bool:
    other = (User.email_key == email_key) & (User.id != user.id) & User.email_verified
    return await session.scalar(select(User.id).where(other)) is not None


async def _store_outcome(
    session: AsyncSession, request: EmailRequest, outcome: str, *, now: datetime
) -> None:
    is_this_request = EmailRequest.id == request.id
    purpose = request.kind if request.kind in LINK_PATHS else LIMITED_NOTICES.get(request.kind)
    if outcome == "sent" and purpose is not None:
        await quota.record_sent(session, purpose, request.email_key, now=now)
    if outcome != "delayed":
        await session.execute(delete(EmailRequest).where(is_this_request))
        return
    due_at, attempts = now + RETRY_DELAYS[request.attempts], request.attempts + 1
    await session.execute(
        update(EmailRequest).where(is_this_request).values(due_at=due_at, attempts=attempts)
    )
