"""``python -m kgzsl`` is the command line ``kgzsl``."""

from kgzsl.cli import main

if __name__ == "__main__":
    main()
