"""What holds for every ring: tests never judge time, so Hypothesis may take as long as the machine needs."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("voc", deadline=None, print_blob=True)
settings.load_profile("voc")
