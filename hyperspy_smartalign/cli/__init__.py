"""The command ``smartalign``.

Exit codes: 0 done, 1 failed (one line on stderr says why), 2 wrong usage. Results go to stdout,
progress and warnings to stderr. Importing this is quick; each command imports what it needs.
"""

from hyperspy_smartalign.cli.app import main, smartalign

__all__ = ["main", "smartalign"]
