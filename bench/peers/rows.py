"""Work on rows: case NAME ROWS COLUMNS PASS, where PASS is forward or both (forward and backward)."""
import torch
import torch.nn.functional as F

from protocol import serve_torch


def rms_norm(x, weight):
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-5) * weight


def layer_norm(x, weight, bias):
    return F.layer_norm(x, x.shape[-1:], weight, bias)


FUNCTIONS = {
    "rmsNorm": (rms_norm, 1),
    "layerNorm": (layer_norm, 2),
    "softmax": (lambda x: F.softmax(x, -1), 0),
    "gelu": (lambda x: F.gelu(x, approximate="tanh"), 0),
}


def cross_entropy(rows, columns, both):
    logits = torch.randn(rows, columns, requires_grad=both)
    targets = torch.randint(0, columns, (rows,))
    if not both:
        return lambda: F.cross_entropy(logits, targets)
    return lambda: torch.autograd.grad(F.cross_entropy(logits, targets), logits)


def adam_w(rows, columns):
    parameter = torch.randn(rows, columns, requires_grad=True)
    parameter.grad = torch.randn(rows, columns)
    return torch.optim.AdamW([parameter], lr=1e-3, foreach=True).step


def prepare(name, rows, columns, direction):
    rows, columns = int(rows), int(columns)
    both = direction == "both"
    if name == "crossEntropy":
        return cross_entropy(rows, columns, both)
    if name == "adamW":
        return adam_w(rows, columns)
    function, vectors = FUNCTIONS[name]
    inputs = [torch.randn(rows, columns), *(torch.randn(columns) for _ in range(vectors))]
    inputs = [tensor.requires_grad_(both) for tensor in inputs]
    gradient = torch.randn(rows, columns)
    if both:
        return lambda: torch.autograd.grad(function(*inputs), inputs, gradient)
    return lambda: function(*inputs)


serve_torch(prepare)
