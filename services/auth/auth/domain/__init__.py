"""Pure decisions of the auth service."""
