"""Training: models, optimizers, the training loop, checkpoints and evaluation."""
