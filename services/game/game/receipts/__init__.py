"""Receipts: scores that scoring has signed, verified here without asking it."""

from game.receipts.verifier import Receipts

__all__ = ["Receipts"]
