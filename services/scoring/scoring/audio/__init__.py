"""Recordings in memory."""
