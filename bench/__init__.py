"""The numbers that the issues name, measured on this machine by ``python -m bench``; tests assert no times."""
