"""Queries read rows and return schemas."""
