"""Trains and evaluates the offline provider's score models. Never installed where recordings are scored."""
