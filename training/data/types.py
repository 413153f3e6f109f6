"""Type of samples and batches."""

import torch

Tensors = dict[str, torch.Tensor]
