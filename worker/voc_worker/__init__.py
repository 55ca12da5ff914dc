"""The worker: one building's month, and the `voc` command."""
