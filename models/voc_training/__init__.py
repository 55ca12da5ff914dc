"""Fine-tune, evaluate, export, compare and publish the classifiers: the only home of torch."""
