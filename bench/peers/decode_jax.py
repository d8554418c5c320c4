"""Sampling with a key/value cache, compiled as a whole: case VOCABULARY LAYERS WIDTH HEADS INNER CONTEXT BATCH POSITIONS."""
from jax_protocol import serve_jax

import jax
import jax.numpy as jnp

from jax_model import parameters, step


def prepare(*sizes):
    vocabulary, layers, width, heads, inner, context, batch, count = map(int, sizes)
    p = parameters(vocabulary, layers, width, inner, context)
    shape = (layers, batch, count, heads, width // heads)

    @jax.jit
    def generate(p, key):
        def next_token(carry, at):
            tokens, caches, key = carry
            logits, caches = step(p, tokens, caches, at, heads)
            key, use = jax.random.split(key)
            return (jax.random.categorical(use, logits), caches, key), None

        start = (jnp.zeros(batch, jnp.int32), (jnp.zeros(shape), jnp.zeros(shape)), key)
        return jax.lax.scan(next_token, start, jnp.arange(count))[0][0]

    return lambda: generate(p, jax.random.key(0)).block_until_ready()


serve_jax(prepare)
