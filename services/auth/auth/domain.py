"""What the auth service decides, without looking anything up."""

import re
import string
import unicodedata
from datetime import datetime, timedelta
from enum import Enum
from importlib.resources import files

from shared.errors import Conflict, Invalid, Unauthorized

PASSWORD_LENGTH = range(8, 129)
COMMON_PASSWORDS = frozenset(files("auth").joinpath("common_passwords.txt").read_text("ascii").split())
COMMON_ENDING = re.compile(r"(\d{1,4}|123456?7?8?9?0?)?[!?.,*@#$]{0,2}|[@#_-]\d{1,4}")
"""What people add to a word when a form asks them for a digit."""

ACCESS_LIFETIME = timedelta(minutes=15)
REFRESH_LIFETIME = timedelta(days=30)
"""How long a sign-in outlives its last refresh."""
REFRESH_GRACE = timedelta(seconds=10)
"""How long a spent token still answers with its successor, for a client that has lost the first answer."""


class WeakPassword(Invalid):
    """The password would be guessed."""

    code, title = "weak_password", "Weak password"


class EmailTaken(Conflict):
    """The address has an account already."""

    code, title = "email_taken", "E-mail address taken"


class InvalidCredentials(Unauthorized):
    """The address has no account, or another password: which of them is never told."""

    code, title = "invalid_credentials", "Invalid credentials"

    def __init__(self) -> None:
        super().__init__("The e-mail address or the password is wrong.")


class AccountGone(Unauthorized):
    """The account has gone since the token was issued."""

    def __init__(self) -> None:
        super().__init__("This account is no more.")


class InvalidRefreshToken(Unauthorized):
    """The refresh token is unknown, spent, revoked or too old."""

    code, title = "invalid_refresh_token", "Invalid refresh token"


def email_key(email: str) -> str:
    """What makes two spellings of a validated address the same account."""
    return email.lower()


def prepared(password: str) -> str:
    """The password as it is hashed, however a keyboard composes it: OpaqueString of RFC 8265.

    Raises ValueError for control characters and lone surrogates.
    """
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in password):
        raise ValueError("must not contain control characters")
    spaced = "".join(" " if unicodedata.category(c) == "Zs" else c for c in password)
    return unicodedata.normalize("NFC", spaced)


def ensure_strong(password: str) -> None:
    """Raise WeakPassword, with everything that is missing, unless a new account may have this password."""
    rules = {
        "must have 8 to 128 characters": len(password) in PASSWORD_LENGTH,
        "must contain an upper-case letter": any(map(str.isupper, password)),
        "must contain a lower-case letter": any(map(str.islower, password)),
        "must contain a digit": any(map(str.isdecimal, password)),
        "must not be one of the commonest passwords": not _is_common(password.casefold()),
    }
    broken = [rule for rule, kept in rules.items() if not kept]
    if broken:
        errors = [{"pointer": "#/password", "message": rule} for rule in broken]
        raise WeakPassword(f"The password {broken[0]}.", errors=errors)


def _is_common(password: str) -> bool:
    word = password.rstrip(string.digits + string.punctuation)
    ending = password.removeprefix(word)
    return password in COMMON_PASSWORDS or (
        word in COMMON_PASSWORDS and COMMON_ENDING.fullmatch(ending) is not None
    )


class Verdict(Enum):
    """What becomes of a refresh token that someone presents."""

    ROTATE = "its first use: it is spent for a successor"
    REPEAT = "a second use within the grace: the same successor again"
    REUSED = "a later use: two hold this token, so the family is revoked"
    REFUSED = "its family is revoked or has expired"


def judge(
    now: datetime, *, spent_at: datetime | None, expires_at: datetime, revoked_at: datetime | None
) -> Verdict:
    """Decide on a refresh token of a family that expires, or was revoked, at these times."""
    if revoked_at is not None or expires_at <= now:
        return Verdict.REFUSED
    if spent_at is None:
        return Verdict.ROTATE
    return Verdict.REPEAT if now - spent_at <= REFRESH_GRACE else Verdict.REUSED
