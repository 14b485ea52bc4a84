"""The worker process: publishes events and sends e-mails. It consumes no events."""

import asyncio

import structlog
from shared.data.db import Database
from shared.errors import Unavailable
from shared.messaging.worker import create_worker as create_shared_worker
from starlette.applications import Starlette

from auth.emails import EmailSender, create_mailer
from auth.settings import WorkerSettings

log = structlog.get_logger(__name__)

POLL_SECONDS = 0.5


def create_worker(settings: WorkerSettings) -> Starlette:
    sender = EmailSender(
        create_mailer(settings), sender=settings.email_from, account_url=str(settings.account_url)
    )

    async def send_emails(database: Database) -> None:
        while True:
            try:
                while await sender.send_next(database):
                    pass
            except Unavailable as error:
                log.warning("emails_retrying", reason=error.detail)
            except Exception:
                # The requests are safe in their table.
                log.exception("emails_failed")
            await asyncio.sleep(POLL_SECONDS)

    return create_shared_worker(settings, service="auth", subscriptions={}, background=[send_emails])
