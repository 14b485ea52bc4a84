"""The `offline` provider, without key or network: forced alignment with pocketsphinx's acoustic model."""

PROVIDER, SCORER = "pocketsphinx", "offline-1"
