"""`python -m scoring api`."""

from shared.cli import main

main("scoring")
