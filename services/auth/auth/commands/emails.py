"""Requests for e-mails, which the worker sends."""

from sqlalchemy.ext.asyncio import AsyncSession

from auth.models import EmailRequest
from auth.types import EmailKind


def request_email(session: AsyncSession, kind: EmailKind, email_key: str) -> None:
    """Request an e-mail to the account with this address; it is sent after the commit.

    The request does not check whether the account exists, so neither the response nor its time reveals it.
    """
    session.add(EmailRequest(kind=kind, email_key=email_key))
