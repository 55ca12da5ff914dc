"""The review loop: filling the sheet, reading what people did, and resolving it."""
