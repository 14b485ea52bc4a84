"""The `offline` provider, without key or network: a small speech model, an aligner and score models on one core."""
