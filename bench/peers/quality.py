"""The peer of recipes/shakespeare-nanogpt.yaml: quality.py TEXT STEPS THREADS, one line of JSON at the end.

The model and setting of nanoGPT's CPU example: as many layers, heads, weights, windows and steps as the recipe has. Tokens
are the bytes that occur and the head is tied, which suits PyTorch: fewer logits than 256, the same text, the same unit.
"""
import json
import math
import sys
import time

import torch
import torch.nn.functional as F

from model import Transformer, matrices_and_vectors

CONTEXT, BATCH, EVALUATION_BATCH = 64, 12, 256
PEAK, LOWEST, WARMUP = 1e-3, 1e-4, 100


def learning_rate(step, steps):
    if step < WARMUP:
        return PEAK * (step + 1) / (WARMUP + 1)
    share = (step - WARMUP) / max(1, steps - WARMUP)
    return LOWEST + 0.5 * (1 + math.cos(math.pi * share)) * (PEAK - LOWEST)


def train(model, data, steps):
    optimizer = torch.optim.AdamW(matrices_and_vectors(model, 0.1), lr=PEAK, betas=(0.9, 0.99))
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, steps)
        starts = torch.randint(len(data) - CONTEXT, (BATCH,))
        windows = torch.stack([data[i : i + CONTEXT + 1] for i in starts])
        logits = model(windows[:, :-1])
        loss = F.cross_entropy(logits.flatten(0, 1), windows[:, 1:].flatten())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()


@torch.no_grad()
def bits_per_byte(model, data, stride):
    """Every byte but the first is predicted once, by windows `stride` apart; the first costs 8 bits."""
    last = len(data) - 1 - CONTEXT
    starts = list(range(0, last + 1, stride))
    if starts[-1] < last:
        starts.append(last)
    nats, scored = 0.0, 0  # bytes 1 .. scored are done
    for first in range(0, len(starts), EVALUATION_BATCH):
        some = starts[first : first + EVALUATION_BATCH]
        windows = torch.stack([data[i : i + CONTEXT + 1] for i in some])
        logits = model(windows[:, :-1]).transpose(1, 2)
        costs = F.cross_entropy(logits, windows[:, 1:], reduction="none")
        for row, start in enumerate(some):
            nats += costs[row, scored - start :].sum().item()
            scored = start + CONTEXT
    return (nats / math.log(2) + 8) / len(data)


def main(path, steps, threads):
    torch.set_num_threads(threads)
    torch.manual_seed(1337)
    text = open(path, "rb").read()
    known = sorted(set(text))
    data = torch.tensor([known.index(byte) for byte in text])
    split = int(0.9 * len(data))
    model = Transformer(len(known), 4, 128, 4, 512, CONTEXT, bias=False, tied=True)
    began = time.perf_counter()
    train(model, data[:split], steps)
    seconds = time.perf_counter() - began
    plain, sliding = (bits_per_byte(model, data[split:], stride) for stride in (CONTEXT, 16))
    result = {"trainSeconds": seconds, "bitsPerByte": plain, "sliding": sliding, "version": torch.__version__}
    print(json.dumps(result))


main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
