"""Recordings: recognised and decoded in memory. APIs import `measurer`; only `decoder` and `measure`, for
confined processes, use FFmpeg and numpy.
"""
