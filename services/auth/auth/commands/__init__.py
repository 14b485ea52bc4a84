"""What the auth service changes."""
