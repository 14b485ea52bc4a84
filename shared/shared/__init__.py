"""The plumbing all services stand on; it knows nothing of speeches, sessions or users."""
