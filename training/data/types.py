"""Types that samples are passed around in."""

import torch

Tensors = dict[str, torch.Tensor]
