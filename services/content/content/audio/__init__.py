"""Recordings: whether speeches can use them, and whether the storage still has them."""

from content.audio.monitor import RecordingMonitor
from content.audio.validation import measure_recording

__all__ = ["RecordingMonitor", "measure_recording"]
