"""What every image agrees on: run contract, labels, text, object store, model artifact, inference. No torch."""
