"""Signed tokens, and the user that a request is made for."""
