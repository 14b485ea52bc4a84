"""The letters of the service, as their readers get them: sent by the worker's own code, into a folder."""

import email
import re
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

from auth.emails.mailers import FolderMailer
from auth.emails.sender import EmailSender
from auth.emails.templates import LINK_PATHS
from auth.types import TokenPurpose
from shared.data.db import Database

ACCOUNT_URL = "https://parley.example.com/account"
LINK = re.compile(r"https://parley\.example\.com/account/(verify|reset)#token=(\S+)")


class Mailbox:
    """What was asked for in this database, sent at once."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database, self._folder = database, folder
        mailer = FolderMailer(folder)
        self._mailing = EmailSender(mailer, sender="Parley <no-reply@example.com>", account_url=ACCOUNT_URL)

    async def emails(self) -> list[EmailMessage]:
        """Every letter so far, oldest first."""
        while await self._mailing.send_next(self._database):
            pass
        return self._read()

    def _read(self) -> list[EmailMessage]:
        files = sorted(self._folder.glob("*.eml"), key=lambda file: file.stat().st_mtime_ns)
        parsed = (email.message_from_bytes(file.read_bytes(), policy=default) for file in files)
        return [letter for letter in parsed if isinstance(letter, EmailMessage)]

    async def token(self, purpose: TokenPurpose) -> str:
        """The token of the newest link of this kind."""
        bodies = [letter.get_content() for letter in await self.emails()]
        links = [LINK.search(body) for body in bodies]
        return [link[2] for link in links if link and link[1] == LINK_PATHS[purpose]][-1]
