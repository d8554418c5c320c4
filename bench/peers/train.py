"""One training step: case VOCABULARY LAYERS WIDTH HEADS INNER CONTEXT BATCH."""
import torch
import torch.nn.functional as F

from model import Transformer, matrices_and_vectors
from protocol import serve


def prepare(*sizes):
    vocabulary, layers, width, heads, inner, context, batch = map(int, sizes)
    model = Transformer(vocabulary, layers, width, heads, inner, context)
    groups = matrices_and_vectors(model, 0.1)
    optimizer = torch.optim.AdamW(groups, lr=3e-4, betas=(0.9, 0.99), foreach=True)
    tokens = torch.randint(0, vocabulary, (batch, context + 1))

    def step():
        logits = model(tokens[:, :-1])
        loss = F.cross_entropy(logits.reshape(-1, vocabulary), tokens[:, 1:].reshape(-1))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    return step


serve(prepare)
