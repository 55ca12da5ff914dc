"""``make demo``: a customer's months on this machine, with embedded parts and a made-up customer."""
