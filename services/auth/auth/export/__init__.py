"""The parts of an account export that other services hold."""
