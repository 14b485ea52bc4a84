"""What scoring does on request."""
