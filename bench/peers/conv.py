"""Causal convolutions along positions: case BATCH LENGTH TAPS INPUTS OUTPUTS PASS, where PASS is forward, dX or dW."""
import torch
import torch.nn.functional as F

from protocol import serve_torch


def prepare(batch, length, taps, inputs, outputs, direction):
    batch, length, taps, inputs, outputs = (int(word) for word in (batch, length, taps, inputs, outputs))
    x = torch.randn(batch, inputs, length)
    weight = torch.randn(outputs, inputs, taps)

    def forward():
        return F.conv1d(F.pad(x, (taps - 1, 0)), weight)

    if direction == "forward":
        return forward
    wanted = x if direction == "dX" else weight
    wanted.requires_grad_()
    result = forward()
    gradient = torch.randn_like(result)
    return lambda: torch.autograd.grad(result, wanted, gradient, retain_graph=True)


serve_torch(prepare)
