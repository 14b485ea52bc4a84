"""The `offline` provider, without key or network: a speech model, an aligner and score models."""

PROVIDER, SCORER = "offline", "offline-2"
