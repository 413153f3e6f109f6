"""Type aliases of samples, batches and metrics."""

import torch

Tensors = dict[str, torch.Tensor]
"""A sample, or a batch of samples, by name."""

Metrics = dict[str, float]
"""Figures by name."""
