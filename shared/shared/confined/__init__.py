"""Processes for code that meets hostile input: without secrets, files or more memory than they need."""
