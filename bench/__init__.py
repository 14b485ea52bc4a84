"""Benches: each measures a part and its reference in the same run and reports their ratio."""
