"""Imports PyTorch and does one small product."""
import torch

torch.ones(64, 64) @ torch.ones(64, 64)
