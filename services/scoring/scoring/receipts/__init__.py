"""Signed proofs of scores."""
