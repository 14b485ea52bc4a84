"""Confined processes for hostile input: no secrets, no files, and no more memory than necessary."""
