"""Infrastructure shared by all services, without any domain knowledge of speeches, sessions or users."""
