"""One training step: case VOCABULARY LAYERS WIDTH HEADS INNER CONTEXT BATCH. The word "compiled" compiles it."""
import sys

import torch
import torch.nn.functional as F

from model import Transformer, matrices_and_vectors
from protocol import serve_torch


def prepare(*sizes):
    vocabulary, layers, width, heads, inner, context, batch = map(int, sizes)
    model = Transformer(vocabulary, layers, width, heads, inner, context)
    groups = matrices_and_vectors(model, 0.1)
    fused = {"fused": True} if int(torch.__version__.split(".")[0]) >= 2 else {"foreach": True}
    optimizer = torch.optim.AdamW(groups, lr=3e-4, betas=(0.9, 0.99), **fused)
    tokens = torch.randint(0, vocabulary, (batch, context + 1))

    def loss_of(inputs, targets):
        return F.cross_entropy(model(inputs).reshape(-1, vocabulary), targets.reshape(-1))

    if "compiled" in sys.argv:
        torch._dynamo.reset()  # a case counts for itself
        loss_of = torch.compile(loss_of, dynamic=False)

    def step():
        loss = loss_of(tokens[:, :-1], tokens[:, 1:])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    return step


serve_torch(prepare)
