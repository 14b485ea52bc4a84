"""The e-mails of the service as recipients see them, sent by the worker's own code."""

import re
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

from auth.emails import LINK_PATHS, EmailSender, FolderMailer
from auth.types import TokenPurpose
from shared.data.db import Database

ACCOUNT_URL = "https://parley.example.com/account"
LINK = re.compile(r"https://parley\.example\.com/account/(verify|reset)#token=(\S+)")


class Mailbox:
    """Sends all requested e-mails of a database into a folder."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._folder = folder
        mailer = FolderMailer(folder)
        self._sender = EmailSender(
            database, mailer, sender="Parley <no-reply@example.com>", account_url=ACCOUNT_URL
        )

    async def list_emails(self) -> list[EmailMessage]:
        """Send pending e-mails, and return all so far, oldest first."""
        while await self._sender.send_next():
            pass
        return self._read()

    def _read(self) -> list[EmailMessage]:
        files = sorted(self._folder.glob("*.eml"), key=lambda file: file.stat().st_mtime_ns)
        parsed = (message_from_bytes(file.read_bytes(), policy=default) for file in files)
        return [email for email in parsed if isinstance(email, EmailMessage)]

    async def get_token(self, purpose: TokenPurpose) -> str:
        """Return the token of the newest link for this purpose."""
        bodies = [email.get_content() for email in await self.list_emails()]
        links = [LINK.search(body) for body in bodies]
        return [link[2] for link in links if link and link[1] == LINK_PATHS[purpose]][-1]
