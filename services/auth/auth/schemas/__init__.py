"""What requests and responses of the auth service look like."""
