"""What the encoder's section measures, one file for each question."""
