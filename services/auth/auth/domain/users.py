def canonical_email(email: str) -> str:
    return email.lower()
