"""The transformer that nonet's benchmarks train, in PyTorch: pre-norm, learned positions, GELU, a linear head."""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F


def attention(q, k, v, mask):
    """Of [batch, heads, length, size]; the mask is the causal one or None. Fused where PyTorch can."""
    if hasattr(F, "scaled_dot_product_attention"):
        return F.scaled_dot_product_attention(q, k, v, is_causal=mask is not None)
    scores = (q * (1 / math.sqrt(q.shape[-1]))) @ k.transpose(-2, -1)
    if mask is not None:
        scores = scores + mask
    return F.softmax(scores, -1) @ v


class Block(nn.Module):
    def __init__(self, width, heads, inner, bias):
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width, bias=bias)
        self.out = nn.Linear(width, width, bias=bias)
        self.feed_norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, inner, bias=bias)
        self.down = nn.Linear(inner, width, bias=bias)

    def forward(self, x, mask=None, cache=None):
        """x [batch, length, width]; cache is (keys, values, position), which the new positions are written to."""
        batch, length, width = x.shape
        q, k, v = self.qkv(self.attention_norm(x)).view(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        if cache is not None:
            keys, values, at = cache
            keys[:, :, at : at + length], values[:, :, at : at + length] = k, v
            k, v = keys[:, :, : at + length], values[:, :, : at + length]
        attended = attention(q, k, v, mask).transpose(1, 2).reshape(batch, length, width)
        x = x + self.out(attended)
        return x + self.down(F.gelu(self.up(self.feed_norm(x)), approximate="tanh"))


class Transformer(nn.Module):
    def __init__(self, vocabulary, layers, width, heads, inner, context, bias=True, tied=False):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(context, width)
        self.blocks = nn.ModuleList(Block(width, heads, inner, bias) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)
        if tied:
            self.head.weight = self.embedding.weight
        self.register_buffer("mask", torch.full((context, context), float("-inf")).triu(1))
        for name, parameter in self.named_parameters():
            if parameter.dim() > 1:
                residual = name.endswith(("out.weight", "down.weight"))
                nn.init.normal_(parameter, 0, 0.02 / math.sqrt(2 * layers) if residual else 0.02)

    def forward(self, tokens):
        """tokens [batch, length] to logits [batch, length, vocabulary]."""
        length = tokens.shape[1]
        x = self.embedding(tokens) + self.positions.weight[:length]
        for block in self.blocks:
            x = block(x, self.mask[:length, :length])
        return self.head(self.norm(x))

    def step(self, tokens, caches, at):
        """Logits of the next position of sequences [batch, 1] whose first `at` positions are in the caches."""
        x = self.embedding(tokens) + self.positions.weight[at : at + 1]
        for block, (keys, values) in zip(self.blocks, caches):
            x = block(x, None, (keys, values, at))
        return self.head(self.norm(x))[:, -1]


def matrices_and_vectors(model, decay):
    """Parameter groups for AdamW: weight decay on matrices only."""
    matrices = [p for p in model.parameters() if p.dim() > 1]
    vectors = [p for p in model.parameters() if p.dim() <= 1]
    return [{"params": matrices, "weight_decay": decay}, {"params": vectors, "weight_decay": 0.0}]
