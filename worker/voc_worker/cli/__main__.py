"""``python -m voc_worker.cli``: the ``voc`` command where it is not on the PATH."""

from voc_worker.cli.app import main

main()
