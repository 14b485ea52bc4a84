"""What is asked of the worker: letters to be sent."""

from sqlalchemy.ext.asyncio import AsyncSession

from auth.models import EmailRequest
from auth.types import EmailKind


def request_email(session: AsyncSession, letter: EmailKind, email_key: str) -> None:
    """Have a letter sent to whoever has this address, once the transaction is committed.

    Nobody looks here whether anybody has: neither the answer nor its time can tell.
    """
    session.add(EmailRequest(letter=letter, email_key=email_key))
