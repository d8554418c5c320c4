"""One training step, compiled as a whole: case VOCABULARY LAYERS WIDTH HEADS INNER CONTEXT BATCH."""
from jax_protocol import serve_jax

import jax
import jax.numpy as jnp

from jax_model import forward, parameters

RATE, FIRST, SECOND, EPSILON, DECAY, CLIP = 3e-4, 0.9, 0.99, 1e-8, 0.1, 1.0


def adam_w(path, p, g, m, v, step):
    m = FIRST * m + (1 - FIRST) * g
    v = SECOND * v + (1 - SECOND) * g * g
    update = (m / (1 - FIRST**step)) / (jnp.sqrt(v / (1 - SECOND**step)) + EPSILON)
    is_vector = any(getattr(key, "key", "") in ("bias", "norm", "attention_norm", "feed_norm") for key in path)
    return p - RATE * (update + (0.0 if is_vector else DECAY) * p), m, v


def prepare(*sizes):
    vocabulary, layers, width, heads, inner, context, batch = map(int, sizes)
    p = parameters(vocabulary, layers, width, inner, context)
    zeros = jax.tree.map(jnp.zeros_like, p)
    tokens = jax.random.randint(jax.random.key(1), (batch, context + 1), 0, vocabulary)

    def loss_of(p):
        scores = jax.nn.log_softmax(forward(p, tokens[:, :-1], heads))
        return -jnp.take_along_axis(scores, tokens[:, 1:, None], -1).mean()

    def step(state):
        p, m, v, number = state
        loss, g = jax.value_and_grad(loss_of)(p)
        size = jnp.sqrt(sum(jnp.sum(leaf * leaf) for leaf in jax.tree.leaves(g)))
        g = jax.tree.map(lambda leaf: leaf * jnp.minimum(1.0, CLIP / (size + 1e-6)), g)
        new = jax.tree_util.tree_map_with_path(lambda path, *four: adam_w(path, *four, number), p, g, m, v)
        p, m, v = (jax.tree.map(lambda _, three: three[i], p, new) for i in range(3))
        return (p, m, v, number + 1), loss

    compiled = jax.jit(step, donate_argnums=0)
    state = [(p, zeros, jax.tree.map(jnp.copy, zeros), jnp.float32(1))]

    def work():
        state[0], loss = compiled(state[0])
        loss.block_until_ready()

    return work


serve_jax(prepare)
