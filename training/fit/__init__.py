"""Batches, augmentation and the training loop."""
