"""The ``voc`` command: a thin layer of words over the parts."""

from voc_worker.cli.app import main

__all__ = ["main"]
