from email.message import EmailMessage
from email.utils import localtime, make_msgid
from typing import NamedTuple

from email_validator import validate_email

from auth.types import EmailKind, TokenPurpose

LINK_PATHS: dict[TokenPurpose, str] = {
    "verify_email": "verify",
    "reset_password": "reset",
    "change_email": "verify",
}
"""Paths of linked pages below ACCOUNT_URL."""


class _Template(NamedTuple):
    subject: str
    body: str


_TEMPLATES: dict[EmailKind, _Template] = {
    "verify_email": _Template(
        "Confirm your e-mail address",
        """{greeting},

welcome to Parley. Please confirm that this is your e-mail address:

{link}

The page asks for the password of the account. The link is valid for 24 hours.

If you did not create a Parley account, open the link and choose "I did not create this account", which
deletes it. Someone may have mistyped their address.
""",
    ),
    "reset_password": _Template(
        "Set a new password",
        """{greeting},

use this link to set a new password for your Parley account:

{link}

The link is valid for one hour and can be used once. Setting a new password signs you out everywhere.

If you did not ask for this, you can ignore this e-mail: your password stays the same.
""",
    ),
    "change_email": _Template(
        "Confirm your new e-mail address",
        """{greeting},

someone has asked to use this e-mail address for a Parley account. If it was you, please confirm it:

{link}

The page asks for the password of the account. The link is valid for one hour.

If it was not you, ignore this e-mail, or open the link and choose "I did not create this account".
""",
    ),
    "email_change_requested": _Template(
        "Your e-mail address is about to change",
        """{greeting},

someone has asked to use another e-mail address for your Parley account. The change takes effect once the
new address is confirmed, within the next hour.

If this was not you, set a new password now: choose "Forgot your password?" in the app. This also cancels
the change.
""",
    ),
    "email_taken": _Template(
        "You already have a Parley account",
        """{greeting},

someone has asked to use this e-mail address for another Parley account. If it was you: an account with
this address already exists, and nothing was changed. Sign in to it, or choose another address.

If it was not you, you can ignore this e-mail.
""",
    ),
    "password_changed": _Template(
        "Your password was changed",
        """{greeting},

the password of your Parley account was changed, and your other devices were signed out. After a reset,
social sign-ins with a different e-mail address have to be linked again.

If this was not you, set a new password now: choose "Forgot your password?" in the app.
""",
    ),
    "sign_in_added": _Template(
        "A new way to sign in was added to your account",
        """{greeting},

you can now sign in to your Parley account with another provider. It is listed in your profile in the app.

If this was not you, set a new password now: choose "Forgot your password?" in the app. This also removes
sign-ins with a different e-mail address.
""",
    ),
}


def compose_email(
    kind: EmailKind, *, recipient: str, name: str | None, sender: str, link: str | None = None
) -> EmailMessage:
    """Compose a plain-text e-mail. Pass a name only for a verified address: a stranger may have set it."""
    template = _TEMPLATES[kind]
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, _to_ascii(recipient), template.subject
    message["Date"], message["Message-ID"] = localtime(), make_msgid(domain="parley")
    # Suppresses automatic replies such as "out of office" (RFC 3834).
    message["Auto-Submitted"] = "auto-generated"
    greeting = f"Hello {' '.join(name.split())}" if name else "Hello"
    body = template.body.format(greeting=greeting, link=link)
    # 7bit where possible, so that links stay readable in the files of FolderMailer.
    message.set_content(body, cte="7bit" if body.isascii() else "quoted-printable")
    return message


def _to_ascii(email: str) -> str:
    return validate_email(email, check_deliverability=False).ascii_email or email
