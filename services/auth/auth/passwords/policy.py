import re
import string
from importlib.resources import files

from zxcvbn.frequency_lists import FREQUENCY_LISTS

from auth.errors import WeakPassword

MIN_LENGTH, MAX_LENGTH = 8, 128
OWN_COMMON_PASSWORDS = files("auth.passwords").joinpath("common_passwords.txt").read_text("ascii").split()
# Only zxcvbn's list of leaked passwords: its estimator takes seconds for a password crafted to be slow.
COMMON_PASSWORDS = frozenset([*OWN_COMMON_PASSWORDS, *FREQUENCY_LISTS["passwords"][:10_000]])
COMMON_ENDING = re.compile(r"(\d{1,4}|123456?7?8?9?0?)?[!?.,*@#$]{0,2}|[@#_-]\d{1,4}")
"""Digits and symbols that people append to a common word to satisfy the rules."""


def ensure_strong_password(password: str, *, pointer: str = "#/password") -> None:
    """Raise WeakPassword with every rule that the password breaks."""
    rules = {
        "must have 8 to 128 characters": MIN_LENGTH <= len(password) <= MAX_LENGTH,
        "must contain an upper-case letter": any(map(str.isupper, password)),
        "must contain a lower-case letter": any(map(str.islower, password)),
        "must contain a digit": any(map(str.isdecimal, password)),
        "must not be a common password": not _is_common(password.casefold()),
    }
    broken = [rule for rule, is_met in rules.items() if not is_met]
    if broken:
        errors = [{"pointer": pointer, "message": rule} for rule in broken]
        raise WeakPassword(f"The password {broken[0]}.", errors=errors)


def _is_common(password: str) -> bool:
    word = password.rstrip(string.digits + string.punctuation)
    ending = password.removeprefix(word)
    return password in COMMON_PASSWORDS or (
        word in COMMON_PASSWORDS and COMMON_ENDING.fullmatch(ending) is not None
    )
