"""Accounts."""


def email_key(email: str) -> str:
    """What makes two spellings of a validated address the same account."""
    return email.lower()
