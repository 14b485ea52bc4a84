"""What the auth service reads."""
