"""``python -m hyperspy_smartalign.cli``."""

from hyperspy_smartalign.cli.app import main

if __name__ == "__main__":
    main()
