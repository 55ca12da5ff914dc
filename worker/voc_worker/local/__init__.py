"""A run on this machine: the same steps as on a cluster, as processes."""
