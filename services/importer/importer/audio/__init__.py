"""Uploaded recordings, single or in archives, within each editor's share."""

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
