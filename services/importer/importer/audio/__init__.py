"""Uploaded recordings, single or in archives, and the limits of concurrent uploads."""

from importer.audio.archive import Archive, UnreadableArchive
from importer.audio.content import RecordingContent, peek
from importer.audio.slots import UploadSlots

__all__ = [
    "Archive",
    "RecordingContent",
    "UnreadableArchive",
    "UploadSlots",
    "peek",
]
