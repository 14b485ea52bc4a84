"""What the auth service decides, without looking anything up."""
