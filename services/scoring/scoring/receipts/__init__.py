"""Receipts: signed scores that other services verify without a request to this one."""

from scoring.receipts.issuer import RECEIPT_TTL, ReceiptIssuer

__all__ = ["RECEIPT_TTL", "ReceiptIssuer"]
