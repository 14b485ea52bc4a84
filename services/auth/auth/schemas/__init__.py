"""Requests and responses of the auth service."""
