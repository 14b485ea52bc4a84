"""Validated batches of imports: read from the storage, and copied into the catalogue."""

from content.batches.ids import IdRange
from content.batches.reader import UnusableBatch, read_batch
from content.batches.rows import BatchRow
from content.batches.table import BatchTable

__all__ = ["BatchRow", "BatchTable", "IdRange", "UnusableBatch", "read_batch"]
