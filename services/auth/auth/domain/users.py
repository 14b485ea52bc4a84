# The name of an account whose owner has not chosen one.
DEFAULT_NAME = "Learner"


def to_canonical_email(email: str) -> str:
    return email.lower()
