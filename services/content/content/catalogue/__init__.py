"""The in-memory catalogue that draws are made from."""
