"""Recordings: their length, whether speeches can use them, and whether the storage still has them."""

from content.audio.metadata import UnknownAudioFormat, read_duration_ms
from content.audio.monitor import RecordingMonitor
from content.audio.validation import measure_recording

__all__ = ["RecordingMonitor", "UnknownAudioFormat", "measure_recording", "read_duration_ms"]
