"""Commands change rows in the caller's transaction. They never commit."""
