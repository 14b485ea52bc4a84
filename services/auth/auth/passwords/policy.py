"""Which passwords an account may have."""

import re
import string
from importlib.resources import files

from zxcvbn.frequency_lists import FREQUENCY_LISTS

from auth.errors import WeakPassword

PASSWORD_LENGTH = range(8, 129)
OWN_COMMON_PASSWORDS = files("auth.passwords").joinpath("common_passwords.txt").read_text("ascii").split()
# zxcvbn's ranking of leaked passwords; its estimator itself takes seconds for a password made to be slow.
COMMON_PASSWORDS = frozenset([*OWN_COMMON_PASSWORDS, *FREQUENCY_LISTS["passwords"][:10_000]])
COMMON_ENDING = re.compile(r"(\d{1,4}|123456?7?8?9?0?)?[!?.,*@#$]{0,2}|[@#_-]\d{1,4}")
"""What people add to a word when a form asks them for a digit."""


def ensure_strong_password(password: str, *, pointer: str = "#/password") -> None:
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
