"""Interim until the loop part arrives."""

import torch


def gather_rows(rows: torch.Tensor) -> torch.Tensor:
    """Return the rows of all ranks."""
    return rows
