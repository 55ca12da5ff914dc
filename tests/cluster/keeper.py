"""``python -m tests.cluster.keeper NUMBER``: waits for the owner of a cluster to end and removes what it left."""

from __future__ import annotations

import os
import sys
import time
from typing import Final

from tests.cluster.instance import Addresses, lock, sweep

_LOCK_SECONDS: Final = 10


def main() -> None:
    """Wait for the end of standard input, which only the owner holds open, then for its lock, and clean up.

    A dying process closes the one before the other. If the lock stays taken, the number has a new owner, who has
    swept it.
    """
    number = int(sys.argv[1])
    sys.stdin.buffer.read()
    give_up = time.monotonic() + _LOCK_SECONDS
    while time.monotonic() < give_up:
        held = lock(number)
        if held is not None:
            sweep(Addresses(number))
            os.close(held)
            return
        time.sleep(0.05)


if __name__ == "__main__":
    main()
