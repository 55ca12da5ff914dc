"""``python -m tests.cluster.bare``: a cluster without images that lives as long as this process; prints its number."""

from __future__ import annotations

import signal
import sys

from tests.cluster.cluster import Cluster
from tests.cluster.pause import pause_image
from tests.cluster.programs import programs


def main() -> None:
    """Start it, say its number, wait for a signal."""
    with Cluster([pause_image(programs())]) as cluster:
        sys.stdout.write(f"{cluster.addresses.number}\n")
        sys.stdout.flush()
        signal.pause()


if __name__ == "__main__":
    main()
