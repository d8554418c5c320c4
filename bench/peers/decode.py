"""Sampling with a key/value cache: case VOCABULARY LAYERS WIDTH HEADS INNER CONTEXT BATCH POSITIONS."""
import torch
import torch.nn.functional as F

from model import Transformer
from protocol import serve_torch


def prepare(*sizes):
    vocabulary, layers, width, heads, inner, context, batch, count = map(int, sizes)
    model = Transformer(vocabulary, layers, width, heads, inner, context).eval()
    shape = (batch, heads, count, width // heads)

    @torch.no_grad()
    def generate():
        caches = [(torch.empty(shape), torch.empty(shape)) for _ in range(layers)]
        tokens = torch.zeros(batch, 1, dtype=torch.long)
        for at in range(count):
            probabilities = F.softmax(model.step(tokens, caches, at), -1)
            tokens = torch.multinomial(probabilities, 1)

    return generate


serve_torch(prepare)
