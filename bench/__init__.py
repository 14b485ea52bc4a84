"""Benchmarks: each measures a component and its reference in the same run and reports their ratio."""
