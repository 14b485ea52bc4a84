"""The editors' search."""
