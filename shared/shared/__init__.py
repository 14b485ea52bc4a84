"""The infrastructure of all services. It knows nothing of speeches, sessions or users."""
