"""The worker process of the auth service: its relay, and the letters. It consumes nothing."""

from shared.messaging.worker import create_worker
from starlette.applications import Starlette

from auth.emails.mailers import create_mailer
from auth.emails.sender import EmailSender
from auth.settings import WorkerSettings


def create(settings: WorkerSettings) -> Starlette:
    """Publish what the outbox holds, and send the letters that were asked for."""
    mailing = EmailSender(
        create_mailer(settings), sender=settings.email_from, account_url=str(settings.account_url)
    )
    return create_worker(settings, service="auth", subscriptions={}, background=[mailing.run])
