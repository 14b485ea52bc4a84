"""PasswordHasherDep of passwords."""
