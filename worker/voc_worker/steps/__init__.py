"""The container commands of a run: prepare, building, publish."""
