"""Requests for e-mails, which the worker sends."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from auth.models import EmailRequest, User
from auth.types import EmailKind


def request_email(
    session: AsyncSession,
    kind: EmailKind,
    email_key: str,
    *,
    user_id: UUID | None = None,
    from_known_address: bool = False,
) -> None:
    """Request an e-mail without looking up the account, so that not even timing reveals whether it exists."""
    session.add(
        EmailRequest(kind=kind, email_key=email_key, user_id=user_id, from_known_address=from_known_address)
    )


def notify(session: AsyncSession, user: User, kind: EmailKind) -> None:
    if user.email_key is not None:
        # Notices are sent to this address even if the account has since changed it.
        is_link = kind in {"verify_email", "reset_password"}
        request_email(session, kind, user.email_key, user_id=None if is_link else user.id)
