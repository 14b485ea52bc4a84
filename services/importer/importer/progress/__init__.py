"""Progress of imports, pushed to those who watch: read once for all of them, and bounded in their number."""

from importer.progress.feed import ProgressFeed, Watch
from importer.progress.slots import StreamSlots

__all__ = ["ProgressFeed", "StreamSlots", "Watch"]
