"""Pronunciation scoring. The service stores nothing."""
