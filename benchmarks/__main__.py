"""All benchmarks: ``python -m benchmarks [--quick | --tiny] [--render]``.

Regenerates every results file, table and figure of the documentation's page "Benchmarks". Each
benchmark runs in a process of its own, one after the other, so that none is measured with what
another left in memory. What fails is told at the end, with the exit code 1, after the rest has run.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

from benchmarks.command import HERE

#: Each is ``python -m benchmarks.<name>``, with the same options.
BENCHMARKS = ("rigid", "nonrigid", "spectra", "motif", "quality")


def main(arguments: Sequence[str]) -> int:
    """Run all with the given options; the exit code."""
    failed = []
    for name in BENCHMARKS:
        print(f"== {name}", file=sys.stderr, flush=True)
        command = [sys.executable, "-m", f"benchmarks.{name}", *arguments]
        code = subprocess.run(command, cwd=HERE.parent).returncode
        if code == 0 and {"-h", "--help"} & set(arguments):
            break
        if code == 2:
            # A wrong option is wrong for all of them, and told already.
            return code
        if code != 0:
            failed.append(name)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return int(bool(failed))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
