"""Reference texts as spoken words."""
