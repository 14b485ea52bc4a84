"""What is written to the owners of accounts."""

from email.message import EmailMessage
from email.utils import localtime, make_msgid
from typing import NamedTuple

from email_validator import validate_email

from auth.types import EmailKind, TokenPurpose

LINK_PATHS: dict[TokenPurpose, str] = {"verify_email": "verify", "reset_password": "reset"}
"""The pages that links lead to, below ACCOUNT_URL."""


class _Template(NamedTuple):
    subject: str
    body: str


_TEMPLATES: dict[EmailKind, _Template] = {
    "verify_email": _Template(
        "Confirm your e-mail address",
        """{greeting},

welcome to Parley. Please confirm that this is your e-mail address:

{link}

The link is good for 24 hours and can be used once.

If you did not open an account with Parley, do not use the link. Someone may have mistyped their address.
""",
    ),
    "reset_password": _Template(
        "Set a new password",
        """{greeting},

with this link you can set a new password for your Parley account:

{link}

The link is good for one hour and can be used once. Setting a new password signs you out everywhere.

If you did not ask for this, you need not do anything: your password stays as it is.
""",
    ),
    "password_changed": _Template(
        "Your password was changed",
        """{greeting},

the password of your Parley account was changed, and your other devices were signed out. After a reset,
social sign-ins that use another e-mail address than this one have to be added again.

If this was not you, set a new password now: choose "Forgot your password?" in the app.
""",
    ),
    "sign_in_added": _Template(
        "A sign-in was added to your account",
        """{greeting},

your Parley account can now be signed in to with another provider. You find it in the app, in your profile.

If this was not you, set a new password now: choose "Forgot your password?" in the app. This also removes
sign-ins that use another e-mail address than this one.
""",
    ),
}


def compose_email(
    letter: EmailKind, *, to: str, name: str | None, sender: str, link: str | None = None
) -> EmailMessage:
    """A letter as plain text. `link` is for the letters of LINK_PATHS. A name adds neither headers nor lines.

    To an address that nobody has confirmed it goes without a name: whoever has typed the address has typed
    the name as well, and could make the letter say what they like.
    """
    text = _TEMPLATES[letter]
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, _in_ascii(to), text.subject
    message["Date"], message["Message-ID"] = localtime(), make_msgid(domain="parley")
    # Answers of machines, such as "out of office", are of no use to anybody (RFC 3834).
    message["Auto-Submitted"] = "auto-generated"
    greeting = f"Hello {' '.join(name.split())}" if name else "Hello"
    body = text.body.format(greeting=greeting, link=link)
    # Where it can be so, a link stands in the letter as it is, for whoever reads the letter as a file.
    message.set_content(body, cte="7bit" if body.isascii() else "quoted-printable")
    return message


def _in_ascii(email: str) -> str:
    """The address with its domain as the DNS spells it, which every mail server takes."""
    return validate_email(email, check_deliverability=False).ascii_email or email
