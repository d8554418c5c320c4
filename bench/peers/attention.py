"""Causal attention: case BATCH HEADS LENGTH HEAD_DIM PASS, where PASS is forward or backward. Fused where PyTorch can."""
import math

import torch
import torch.nn.functional as F

from protocol import serve_torch


def prepare(batch, heads, length, head_dim, direction):
    shape = (int(batch), int(heads), int(length), int(head_dim))
    mask = torch.full((shape[2], shape[2]), float("-inf")).triu(1)
    q, k, v, gradient = (torch.randn(shape) for _ in range(4))

    def forward():
        if hasattr(F, "scaled_dot_product_attention"):
            return F.scaled_dot_product_attention(q, k, v, is_causal=True)
        scores = (q * (1 / math.sqrt(shape[3]))) @ k.transpose(-2, -1) + mask
        return F.softmax(scores, -1) @ v

    if direction == "forward":
        return forward
    for tensor in (q, k, v):
        tensor.requires_grad_()
    result = forward()
    return lambda: torch.autograd.grad(result, (q, k, v), gradient, retain_graph=True)


serve_torch(prepare)
