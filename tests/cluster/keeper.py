"""``python -m tests.cluster.keeper NUMBER``: waits for the owner of a cluster to end and removes what it left."""

from __future__ import annotations

import os
import sys

from tests.cluster.instance import Addresses, lock, sweep


def main() -> None:
    """Wait for the end of standard input, which only the owner holds open; a new owner of the number sweeps itself."""
    number = int(sys.argv[1])
    sys.stdin.buffer.read()
    held = lock(number)
    if held is not None:
        sweep(Addresses(number))
        os.close(held)


if __name__ == "__main__":
    main()
