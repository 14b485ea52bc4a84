"""The worker process of the auth service: e-mails, jobs and relay. It consumes no events."""

from collections.abc import Sequence

from shared.background import Loop
from shared.data.db import Database
from shared.messaging.worker import build_worker
from shared.security.revocation import Revocations
from starlette.applications import Starlette

from auth.emails import EmailSender, create_mailer
from auth.jobs import create_jobs
from auth.settings import WorkerSettings
from auth.social import AppleClient, JsonClient

POLL_SECONDS = 0.5
CONCURRENT_EMAILS = 4
REVOKE_TIMEOUT_SECONDS = 5.0


def create_worker(settings: WorkerSettings) -> Starlette:
    mailer, account_url = create_mailer(settings), str(settings.account_url)

    def create_loops(database: Database) -> Sequence[Loop]:
        sender = EmailSender(database, mailer, sender=settings.email_from, account_url=account_url)
        return [
            # The others look less often. After an e-mail, each looks for the next one without a pause.
            Loop(name=f"email_sender_{number}", work=sender.send_next, interval_seconds=number * POLL_SECONDS)
            for number in range(1, CONCURRENT_EMAILS + 1)
        ]

    client = JsonClient(timeout_seconds=REVOKE_TIMEOUT_SECONDS)
    revocations = Revocations(settings.redis_url.get_secret_value())
    return build_worker(
        settings,
        service="auth",
        subscriptions={},
        jobs=create_jobs(revocations, AppleClient(settings, client)),
        loops=create_loops,
        closing=[client.close, revocations.close],
    )
