"""Signed tokens, and the user who makes a request."""
