"""The transformer of model.py in JAX: the same sizes and parts, parameters as a dictionary, blocks stacked for a scan."""
import jax
import jax.numpy as jnp


def parameters(vocabulary, layers, width, inner, context):
    keys = iter(jax.random.split(jax.random.key(0), 8))
    scale = 0.02

    def normal(*shape):
        return scale * jax.random.normal(next(keys), shape, jnp.float32)

    def norm(*lead):
        return {"weight": jnp.ones((*lead, width)), "bias": jnp.zeros((*lead, width))}

    def linear(rows, columns):
        return {"weight": normal(layers, rows, columns), "bias": jnp.zeros((layers, columns))}

    return {
        "embedding": normal(vocabulary, width),
        "positions": normal(context, width),
        "blocks": {
            "attention_norm": norm(layers),
            "qkv": linear(width, 3 * width),
            "out": linear(width, width),
            "feed_norm": norm(layers),
            "up": linear(width, inner),
            "down": linear(inner, width),
        },
        "norm": norm(),
        "head": normal(width, vocabulary),
    }


def layer_norm(x, p):
    centered = x - x.mean(-1, keepdims=True)
    return centered * jax.lax.rsqrt(jnp.square(centered).mean(-1, keepdims=True) + 1e-5) * p["weight"] + p["bias"]


def linear(x, p):
    return x @ p["weight"] + p["bias"]


def heads_of(x, p, heads):
    """q, k, v [batch, length, heads, size] of x [batch, length, width]."""
    qkv = linear(layer_norm(x, p["attention_norm"]), p["qkv"])
    return [part.reshape(*x.shape[:2], heads, -1) for part in jnp.split(qkv, 3, -1)]


def causal_attention(q, k, v):
    """Of [batch, length, heads, size]. Heads beside batches: faster here than jax.nn.dot_product_attention."""
    batch, length, heads, size = q.shape
    q, k, v = (x.transpose(0, 2, 1, 3).reshape(batch * heads, length, size) for x in (q, k, v))
    mask = jnp.where(jnp.tril(jnp.ones((length, length), bool)), 0.0, -jnp.inf)
    shares = jax.nn.softmax(jnp.einsum("bqd,bkd->bqk", q * size**-0.5, k) + mask)
    mixed = jnp.einsum("bqk,bkd->bqd", shares, v)
    return mixed.reshape(batch, heads, length, size).transpose(0, 2, 1, 3)


def rest_of_block(x, attended, p):
    x = x + linear(attended.reshape(x.shape), p["out"])
    return x + linear(jax.nn.gelu(linear(layer_norm(x, p["feed_norm"]), p["up"])), p["down"])


def forward(p, tokens, heads):
    """tokens [batch, length] to logits [batch, length, vocabulary]."""
    x = p["embedding"][tokens] + p["positions"][: tokens.shape[1]]

    def block(x, b):
        q, k, v = heads_of(x, b, heads)
        return rest_of_block(x, causal_attention(q, k, v), b), None

    x, _ = jax.lax.scan(block, x, p["blocks"])
    return layer_norm(x, p["norm"]) @ p["head"]


def step(p, tokens, caches, at, heads):
    """Logits [batch, vocabulary] after tokens [batch] at position `at`, and the caches with it, (keys, values) stacked."""
    x = (p["embedding"][tokens] + p["positions"][at])[:, None]
    seen = (jnp.arange(caches[0].shape[2]) <= at)[None, None, None]

    def block(x, given):
        b, keys, values = given
        q, k, v = heads_of(x, b, heads)
        keys = jax.lax.dynamic_update_slice(keys, k, (0, at, 0, 0))
        values = jax.lax.dynamic_update_slice(values, v, (0, at, 0, 0))
        attended = jax.nn.dot_product_attention(q, keys, values, mask=seen)
        return rest_of_block(x, attended, b), (keys, values)

    x, caches = jax.lax.scan(block, x, (p["blocks"], *caches))
    return (layer_norm(x, p["norm"]) @ p["head"])[:, 0], caches
