"""Recordings: recognised and decoded from memory.

APIs import `measurer`; FFmpeg and numpy are only in `decoder` and `measure`, for confined processes.
"""
