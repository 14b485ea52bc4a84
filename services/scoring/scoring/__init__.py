"""Pronunciation scoring: it owns no data, and keeps none."""
