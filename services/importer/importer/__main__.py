"""The commands of the importer service: `python -m importer <command>`."""

from shared.cli import main

if __name__ == "__main__":
    main("importer")
