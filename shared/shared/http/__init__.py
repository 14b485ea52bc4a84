"""What an HTTP API needs: application, errors, limits, pages."""
