"""Delivery of e-mails: by SMTP or, in development, into a folder."""

import asyncio
import socket
from email.message import EmailMessage
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import aiosmtplib
import structlog
from shared.clock import utc_now

from auth.settings import EmailSettings

log = structlog.get_logger(__name__)

SMTP_STEP_TIMEOUT_SECONDS, SEND_TIMEOUT_SECONDS = 5.0, 20.0
PERMANENT_FAILURE_CODES = range(500, 600)
"""SMTP replies after which an e-mail must not be retried (RFC 5321, section 4.2.1)."""


class EmailNotSent(Exception):
    """Delivery failed; `permanent` failures must not be retried. `reason` contains no address."""

    def __init__(self, reason: str, *, permanent: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.permanent = reason, permanent


class Mailer(Protocol):
    async def send(self, message: EmailMessage, *, link: str | None) -> None:
        """Return once another system has accepted the e-mail. Raises EmailNotSent."""


class SmtpMailer:
    """Delivery through an SMTP server. It logs neither addresses nor links."""

    def __init__(self, settings: EmailSettings) -> None:
        self._settings = settings

    async def send(self, message: EmailMessage, *, link: str | None) -> None:
        try:
            async with asyncio.timeout(SEND_TIMEOUT_SECONDS):
                await self._send(message)
        except aiosmtplib.SMTPRecipientsRefused as error:
            codes = {refused.code for refused in error.recipients}
            permanent = codes <= set(PERMANENT_FAILURE_CODES)
            raise EmailNotSent(f"recipient refused: {codes}", permanent=permanent) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise EmailNotSent(type(error).__name__) from error

    async def _send(self, message: EmailMessage) -> None:
        settings = self._settings
        password = settings.smtp_password.get_secret_value()
        await aiosmtplib.send(
            message,
            hostname=settings.smtp_host,
            port=settings.smtp_port,
            username=settings.smtp_username or None,
            password=password or None,
            use_tls=settings.smtp_tls == "implicit",
            start_tls=settings.smtp_tls == "starttls",
            cert_bundle=settings.smtp_ca_file or None,
            local_hostname=socket.gethostname(),
            timeout=SMTP_STEP_TIMEOUT_SECONDS,
        )


class FolderMailer:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, message: EmailMessage, *, link: str | None) -> None:
        file = self._folder / f"{utc_now():%Y%m%d-%H%M%S}-{uuid4().hex[:8]}.eml"
        try:
            await asyncio.to_thread(self._write, file, bytes(message))
        except OSError as error:
            raise EmailNotSent(type(error).__name__) from error
        log.info("email_written", to=message["To"], subject=message["Subject"], link=link, file=str(file))

    def _write(self, file: Path, content: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


def create_mailer(settings: EmailSettings) -> Mailer:
    return FolderMailer(settings.email_folder) if settings.email_folder else SmtpMailer(settings)
