"""Access, refresh and one-time tokens, and the keys that sign access tokens."""
