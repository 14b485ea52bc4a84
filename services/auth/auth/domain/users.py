"""Accounts."""


def canonical_email(email: str) -> str:
    """What makes two spellings of a validated address the same account."""
    return email.lower()
