"""Promoting what an environment pins to the next one, on files and stores alone: no cluster is asked."""
