"""The embedded run: the whole system on one machine, from its servers to the gateway, without containers."""
