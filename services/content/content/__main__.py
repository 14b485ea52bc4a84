"""The commands of the content service: `python -m content <command>`."""

from shared.cli import main

if __name__ == "__main__":
    main("content", {"seed": "content.seed:main", "republish": "content.republish:main"})
