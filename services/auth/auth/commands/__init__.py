"""Writes of the auth service."""
