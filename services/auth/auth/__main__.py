"""The commands of the auth service: `python -m auth <command>`."""

from shared.cli import main

if __name__ == "__main__":
    main(
        "auth",
        {
            "seed": "auth.seed:main",
            "first-admin": "auth.seed:run_first_admin",
            "rotate-apple-tokens": "auth.social.token_rotation:main",
            "rotate-keys": "auth.tokens.key_rotation:main",
        },
    )
