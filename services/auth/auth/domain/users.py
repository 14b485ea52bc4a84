"""Accounts."""


def canonical_email(email: str) -> str:
    """Return the form in which all spellings of a validated address are equal."""
    return email.lower()
