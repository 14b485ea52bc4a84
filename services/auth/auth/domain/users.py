# The name of an account whose owner has not chosen one.
DEFAULT_NAME = "Learner"


def canonical_email(email: str) -> str:
    return email.lower()
