"""E-mails: their texts, and their delivery by the worker."""

from auth.emails.mailers import EmailNotSent, FolderMailer, Mailer, SmtpMailer, create_mailer
from auth.emails.sender import EmailSender
from auth.emails.templates import LINK_PATHS, compose_email

__all__ = [
    "LINK_PATHS",
    "EmailNotSent",
    "EmailSender",
    "FolderMailer",
    "Mailer",
    "SmtpMailer",
    "compose_email",
    "create_mailer",
]
