"""Requests for e-mails, which the worker sends."""

from sqlalchemy.ext.asyncio import AsyncSession

from auth.models import EmailRequest, User
from auth.types import EmailKind


def request_email(session: AsyncSession, kind: EmailKind, email_key: str) -> None:
    """Request an e-mail. It does not look for the account, so that not even timing reveals one."""
    session.add(EmailRequest(kind=kind, email_key=email_key))


def notify(session: AsyncSession, user: User, kind: EmailKind) -> None:
    if user.email_key is not None:
        request_email(session, kind, user.email_key)
