"""What the auth service decides, without looking anything up."""

import re
import string
import unicodedata
from datetime import datetime, timedelta
from enum import Enum
from importlib.resources import files
from typing import NamedTuple
from uuid import UUID

from shared.errors import BadRequest, Conflict, Invalid, NotFound, Unauthorized
from zxcvbn.frequency_lists import FREQUENCY_LISTS

PASSWORD_LENGTH = range(8, 129)
OWN_COMMON_PASSWORDS = files("auth.passwords").joinpath("common_passwords.txt").read_text("ascii").split()
# zxcvbn's ranking of leaked passwords; its estimator itself takes seconds for a password made to be slow.
COMMON_PASSWORDS = frozenset([*OWN_COMMON_PASSWORDS, *FREQUENCY_LISTS["passwords"][:10_000]])
COMMON_ENDING = re.compile(r"(\d{1,4}|123456?7?8?9?0?)?[!?.,*@#$]{0,2}|[@#_-]\d{1,4}")
"""What people add to a word when a form asks them for a digit."""

ACCESS_LIFETIME = timedelta(minutes=15)
REFRESH_LIFETIME = timedelta(days=30)
"""How long a sign-in outlives its last refresh."""
REFRESH_GRACE = timedelta(seconds=10)
"""How long a spent token still answers with its successor, for a client that has lost the first answer."""

VERIFICATION_LIFETIME = timedelta(hours=24)
RESET_LIFETIME = timedelta(hours=1)
LETTER_PAUSE = timedelta(minutes=1)
"""How long nobody gets the same link twice, however often it is asked for."""


class WeakPassword(Invalid):
    """The password would be guessed."""

    code, title = "weak_password", "Weak password"


class EmailTaken(Conflict):
    """The address has an account already."""

    code, title = "email_taken", "E-mail address taken"


class InvalidCredentials(Unauthorized):
    """The address has no account, or another password: which of them is never told."""

    code, title = "invalid_credentials", "Invalid credentials"

    def __init__(self, detail: str = "The e-mail address or the password is wrong.") -> None:
        super().__init__(detail)


class AccountGone(Unauthorized):
    """The account has gone since the token was issued, or the sign-in that the token comes from has ended."""

    def __init__(self) -> None:
        super().__init__("You are signed out; sign in again.")


class InvalidRefreshToken(Unauthorized):
    """The refresh token is unknown, spent, revoked or too old."""

    code, title = "invalid_refresh_token", "Invalid refresh token"


class LinkUnknown(BadRequest):
    """No link with this token was ever sent, or it was long ago."""

    code, title = "token_unknown", "Unknown link"


class LinkExpired(BadRequest):
    """The link is too old."""

    code, title = "token_expired", "Link expired"


class LinkUsed(BadRequest):
    """The link has had its effect, or the account has changed since it was sent."""

    code, title = "token_used", "Link used"


class NoPassword(Conflict):
    """The account is signed in to through a provider alone."""

    code, title = "no_password", "No password"


class LinkRequired(Conflict):
    """The address of a social sign-in has an account that this sign-in does not belong to."""

    code, title = "link_required", "Link required"


class EmailRequired(Invalid):
    """A provider has told no address, and an account needs one."""

    code, title = "email_required", "E-mail address required"


class EmailUnverified(Conflict):
    """Only the owner of the account's address may add ways to sign in to it."""

    code, title = "email_unverified", "E-mail address not confirmed"


class IdentityTaken(Conflict):
    """The sign-in belongs to another account."""

    code, title = "identity_taken", "Sign-in taken"


class IdentityNotFound(NotFound):
    """The account has no sign-in with this provider."""

    code = "identity_not_found"


class LastSignIn(Conflict):
    """Without it nobody could sign in to the account any more."""

    code, title = "last_sign_in", "Last way to sign in"


class UserNotFound(NotFound):
    """There is no such account."""

    code = "user_not_found"


class LastAdmin(Conflict):
    """Without this admin there would be none."""

    code, title = "last_admin", "Last admin"


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


def ensure_strong(password: str, *, pointer: str = "#/password") -> None:
    """Raise WeakPassword, with everything that is missing, unless an account may have this password."""
    rules = {
        "must have 8 to 128 characters": len(password) in PASSWORD_LENGTH,
        "must contain an upper-case letter": any(map(str.isupper, password)),
        "must contain a lower-case letter": any(map(str.islower, password)),
        "must contain a digit": any(map(str.isdecimal, password)),
        "must not be one of the commonest passwords": not _is_common(password.casefold()),
    }
    broken = [rule for rule, kept in rules.items() if not kept]
    if broken:
        errors = [{"pointer": pointer, "message": rule} for rule in broken]
        raise WeakPassword(f"The password {broken[0]}.", errors=errors)


def _is_common(password: str) -> bool:
    word = password.rstrip(string.digits + string.punctuation)
    ending = password.removeprefix(word)
    return password in COMMON_PASSWORDS or (
        word in COMMON_PASSWORDS and COMMON_ENDING.fullmatch(ending) is not None
    )


class Credential(NamedTuple):
    """What a password is checked against. Without a hash, no password opens the account."""

    user_id: UUID
    password_hash: str | None
    password_set_at: datetime


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


class Joining(Enum):
    """What becomes of a social sign-in that no account is known for."""

    OPEN = "nobody has its address: it opens an account"
    LINK = "an account has proved the same address: it becomes a way to sign in to it"
    CLAIM = "an account has the address without proof: whoever has proved it takes that account over"
    REFUSE = "an account has the address, and the sign-in proves nothing that would open it"


def join(*, vouched_for: bool, account_verified: bool | None, provider_known: bool) -> Joining:
    """Decide on a social sign-in, by whether its provider vouches for its address.

    `account_verified` is None when no account has the address. `provider_known` says that the account is
    signed in to by somebody else at the same provider: the address was given to a second person there.
    """
    if account_verified is None:
        return Joining.OPEN
    if not vouched_for:
        return Joining.REFUSE
    if not account_verified:
        return Joining.CLAIM
    return Joining.REFUSE if provider_known else Joining.LINK


def ensure_good(now: datetime, *, used_at: datetime | None, expires_at: datetime) -> None:
    """Raise LinkUsed or LinkExpired, unless a link that was sent may have its effect now."""
    if used_at is not None:
        raise LinkUsed("This link was used already, or the account has changed since; ask for a new one.")
    if expires_at <= now:
        raise LinkExpired("This link has expired; ask for a new one.")
