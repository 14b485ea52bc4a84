"""The commands of the game service: `python -m game <command>`."""

from shared.cli import main

if __name__ == "__main__":
    main("game")
