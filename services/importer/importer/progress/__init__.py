"""Import progress, pushed to a limited number of clients from one shared read."""

from importer.progress.feed import ProgressFeed, Watch
from importer.progress.slots import StreamSlots

__all__ = ["ProgressFeed", "StreamSlots", "Watch"]
