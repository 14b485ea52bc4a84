"""What changes rows. Nothing here commits: the caller's transaction does."""
