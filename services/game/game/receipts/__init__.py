"""Receipts: scores signed by the scoring service and verified here without asking it."""

from game.receipts.verifier import ReceiptVerifier

__all__ = ["ReceiptVerifier"]
