"""The ``voc`` command: a thin layer of words over the parts."""
