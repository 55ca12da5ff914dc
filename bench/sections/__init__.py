"""One file a section. A section has ``TITLE`` and ``measure(place) -> list[Measured]``; adding a file adds it."""
