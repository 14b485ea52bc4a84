"""Receipts: scores that scoring has signed, verified here without asking it."""

from game.receipts.verifier import ReceiptVerifier

__all__ = ["ReceiptVerifier"]
