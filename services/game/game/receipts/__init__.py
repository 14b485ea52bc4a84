"""Receipts: scores signed by the scoring service and verified here offline."""

from game.receipts.verifier import ReceiptVerifier

__all__ = ["ReceiptVerifier"]
