"""Golden values for the olmax model, made once with JAX in float64 from the formulas of its description.

    python3 -m venv .peers/venv && .peers/venv/bin/python -m pip install jax     # or sh bench/peers/setup.sh, with PyTorch
    .peers/venv/bin/python bench/peers/olmax_golden.py > src/models/olmax/golden.json
    npx biome check --write src/models/olmax/golden.json

It takes one to two minutes. Values are drawn by NumPy from fixed seeds, so another run gives the same file up to the last digits.

The file has `models`, one for one device and one for two, and `pieces`, single layers with their inputs and outputs.
An array is `{"shape": [...], "data": "1.5 0 -2"}`, row by row, with ten significant digits. Parameters and inputs are exact:
they are rounded to four decimals before anything is computed from them.

Names of a model's parameters; each array has the devices in front, `[devices, ...]`:

    embedding                    [vocab, features]
    blocks.B.dense0.before       [features]                        norm scale in front of the body of a step
    blocks.B.dense0.conv0        [pointwise, taps, features]       [out, taps, in], the oldest tap first;
    blocks.B.dense0.norm         [pointwise]                       CausalConvolution has [taps, in, out]
    blocks.B.dense0.conv1        [features, taps, pointwise]
    blocks.B.dense0.after        [features]                        norm scale behind the body
    blocks.B.bottleneck.before, .conv0 [inner, taps, features], .norm0 [inner * devices],
        .norm1 [inner * devices], .conv1 [features, taps, inner], .after
    middle                       [inner * devices, taps, inner * devices], of all depths
    blocks.B.dense1.*            as dense0
    blocks.B.mixer.before, .first [K, K], .norm [features], .second [K, K], .after
    output                       [features, vocab]

`batches` are windows of length + 1 bytes, one batch for each optimizer step; inputs are the first `length` of a window, targets
the last. `first` has, of the first batch and the first weights, the loss (without z term), the accuracy, the logits of the
positions [row, position] in `at`, `gradients` (with z term) and `squares`. `after.perTap` and `after.mean` are weights after
three steps; embedding and output, the largest, are only in `perTap` of one device. `rates` are the learning rates of the steps.

What the description leaves open, and what is chosen here:

- A matrix of the mixer is [from, to]: `y[j] = sum over i <= j of m[i, j] x[i]`. Entries that lead back are masked, also in
  the squares, but count in the norm of the weight for clipping, and decay.
- Norm scales have `n = batch` in the squares, that of the mixer too; both matrices of the mixer batch times blocks; the output
  projection batch, not positions. A tied weight has the sum of the squares of its uses.
- The embedding is looked up once for both streams, so its cotangent is the sum of those of the streams.
- All-to-all: device j gets `y_j[b, s, d * inner + i] = x_d[b, s * devices + j, i]`: features in the order of the devices.
- The factor 1/devices of the output projection is in its initial scale, and so in its learning-rate factor; the logits are the
  plain sum of what the devices' projections give.
- Each device's part of a parameter is a tensor of its own for clipping and grafting.
- A convolution's learning-rate factor is 1/taps for `mean`; `perTap` multiplies the rate of each tap, in the step and in the
  decay, after grafting over the whole tensor.
- Step i (from 0) has the rate `0.01 min(1, (i + 1) / (warmup + 1)) (1 - 3e-6)^i`, here with a warm-up of 2.
- Models clip to 1e-6 of the weights instead of 1e-3. The gradient of entry (0, 0) of a mixer's matrix is zero, since a norm takes
  the size of what it alone makes away again; what is left of it by rounding, over its own size, would be of the size of
  Adam's other quotients, were it not far below eps. `pieces.optimizer` has 1e-3.
- Momentum is debiased; all state is float64. Decay is on convolutions, mixers, embedding and output, not on norm scales.
"""
import json
import sys

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402

VOCAB, FEATURES, POINTWISE, INNER, LENGTH, BATCH, DEPTH, KERNEL = 256, 4, 6, 3, 16, 2, 2, 4
DENSE_TAPS, OUTER_TAPS, MIDDLE_TAPS = 3, 3, 2
SLOPE, Z_LOSS, TINY = 0.01, 0.01, 1e-16
RATE, WARMUP, RATE_DECAY, DECAY = 0.01, 2, 3e-6, 0.01
CLIP, CLIP_OF_PIECE = 1e-6, 1e-3
BETAS = (0.97, 0.997, 0.999)
CONV_SCALE, CONV_SHIFT = 4, 8
STEPS = 3
AT = ((0, 0), (0, 15), (1, 6))


# Operations. A parameter is a pair (w, s) of its values and a place whose "gradient" is the squared gradient of w.


def squared(op):
    """op(x, w), linear in w, as a function of x and (w, s): beside the gradient of w it gives n vjp(op, x^2, w)(dy^2)."""

    @jax.custom_vjp
    def call(x, w, s):
        return op(x, w)

    def backward(kept, dy):
        x, w = kept
        dx, dw = jax.vjp(op, x, w)[1](dy)
        squares = jax.vjp(lambda w: op(x**2, w), w)[1](dy**2)[0]
        return dx, dw, x.shape[0] * squares

    call.defvjp(lambda x, w, s: (op(x, w), (x, w)), backward)
    return lambda x, pair: call(x, *pair)


@jax.custom_vjp
def _embed(index, w, s):
    return w[index]


def _embed_backward(kept, dy):
    index, w = kept
    zeros = jnp.zeros_like(w)
    return None, zeros.at[index].add(dy), zeros.at[index].add(index.shape[0] * dy**2)


_embed.defvjp(lambda index, w, s: (w[index], (index, w)), _embed_backward)


def embed(index, pair):
    return _embed(index, *pair)


scale = squared(lambda x, w: x * w)
project = squared(lambda x, w: x @ w)


@squared
def convolve(x, w):
    """x [batch, length, in], w [out, taps, in], causal."""
    taps, length = w.shape[1], x.shape[1]
    padded = jnp.pad(x, ((0, 0), (taps - 1, 0), (0, 0)))
    return sum(jnp.einsum("bli,oi->blo", padded[:, t : t + length], w[:, t]) for t in range(taps))


@squared
def mix(x, m):
    """x [blocks, K, rest] by the upper triangle of m [K, K]."""
    return jnp.einsum("nir,ij->njr", x, jnp.triu(m))


def unit(x):
    return x / jnp.maximum(jnp.sqrt(jnp.sum(x**2, -1, keepdims=True)), TINY)


def norm(x, pair):
    return scale(unit(x), pair)


def norm_act(x, pair):
    y = norm(x, pair)
    return jnp.where(y > 0, y, SLOPE * y)


# The parts of a block, as functions of what all devices have: x is a list with [batch, length, features] of each.


def each(op, xs, pairs):
    return [op(x, pair) for x, pair in zip(xs, pairs)]


def dense(xs, p):
    inner = each(norm_act, each(convolve, xs, p["conv0"]), p["norm"])
    return each(convolve, inner, p["conv1"])


def exchange(xs):
    devices = len(xs)
    return [jnp.concatenate([x[:, j::devices] for x in xs], -1) for j in range(devices)]


def exchange_back(ys):
    devices, (batch, length, width) = len(ys), ys[0].shape
    inner = width // devices
    return [
        jnp.stack([y[:, :, d * inner : (d + 1) * inner] for y in ys], 2).reshape(batch, length * devices, inner)
        for d in range(devices)
    ]


def bottleneck(xs, p, middle):
    ys = exchange(each(convolve, xs, p["conv0"]))
    ys = each(convolve, each(norm_act, ys, p["norm0"]), middle)
    xs = exchange_back(each(norm_act, ys, p["norm1"]))
    return each(convolve, xs, p["conv1"])


def axes_of(length, kernel):
    axes, reach = 1, kernel
    while reach < length:
        axes, reach = axes + 1, reach * kernel
    return axes


def mixer(axis):
    def one(x, first, scales, second):
        blocks = x.shape[0] * max(x.shape[1] // KERNEL ** (axis + 1), 1)
        y = mix(x.reshape(blocks, KERNEL, -1), first).reshape(x.shape)
        return mix(norm_act(y, scales).reshape(blocks, KERNEL, -1), second).reshape(x.shape)

    return lambda xs, p: [one(*each_) for each_ in zip(xs, p["first"], p["norm"], p["second"])]


def logits_of(pairs, index):
    """pairs: by name a list with (w, s) of each device."""

    def part(prefix):
        return {name[len(prefix) + 1 :]: pair for name, pair in pairs.items() if name.startswith(prefix + ".")}

    devices = len(pairs["output"])
    x0 = x1 = [embed(index, pairs["embedding"][d]) for d in range(devices)]
    for block in range(DEPTH):
        bodies = {
            "dense0": dense,
            "bottleneck": lambda xs, p: bottleneck(xs, p, pairs["middle"]),
            "dense1": dense,
            "mixer": mixer(block % axes_of(LENGTH, KERNEL)),
        }
        for name, body in bodies.items():
            p = part(f"blocks.{block}.{name}")
            y = each(norm, body(each(norm, x1, p["before"]), p), p["after"])
            x0, x1 = x1, [a + b for a, b in zip(x0, y)]
    return sum(project(unit(a + b), pair) for a, b, pair in zip(x0, x1, pairs["output"]))


def loss_of(logits, targets):
    """(the mean cross entropy, of which the gradient has the z term, the accuracy)"""
    total = jax.nn.logsumexp(logits, -1)
    costs = total - jnp.take_along_axis(logits, targets[..., None], -1)[..., 0]
    z = jnp.mean(Z_LOSS * total**2)
    accuracy = jnp.mean((jnp.argmax(logits, -1) == targets).astype(jnp.float64))
    return jnp.mean(costs) + z - jax.lax.stop_gradient(z), accuracy


@jax.jit
def gradients_of(parameters, window):
    """Of parameters by name, [devices, ...]: the loss, (accuracy, logits), gradients and squares."""

    def loss(w, s):
        pairs = {name: list(zip(w[name], s[name])) for name in w}
        logits = logits_of(pairs, window[:, :-1])
        cost, accuracy = loss_of(logits, window[:, 1:])
        return cost, (accuracy, logits)

    return jax.value_and_grad(loss, (0, 1), has_aux=True)(parameters, jax.tree.map(jnp.zeros_like, parameters))


# The optimizer, for one tensor.


def clipped(g, gsq, w, clip):
    bound = clip * jnp.maximum(jnp.sqrt(jnp.sum(w**2)), 1e-3)
    of_gradient = jnp.minimum(1, bound / jnp.maximum(jnp.sqrt(jnp.sum(g**2)), TINY))
    of_squares = jnp.minimum(1, bound / jnp.maximum(jnp.sqrt(jnp.sum(gsq)), TINY))
    return g * of_gradient, gsq * of_squares


def step(w, state, g, gsq, at, factor, decays, clip):
    g, gsq = clipped(g, gsq, w, clip)
    state = [beta * old + (1 - beta) * now for beta, old, now in zip(BETAS, state, (g, g**2, gsq))]
    m, v, u = (old / (1 - beta ** (at + 1)) for beta, old in zip(BETAS, state))
    adam = m / jnp.maximum(jnp.sqrt(v), TINY)
    tg = m / jnp.maximum(jnp.sqrt(u), TINY)
    grafted = tg * jnp.sqrt(jnp.sum(adam**2)) / jnp.maximum(jnp.sqrt(jnp.sum(tg**2)), TINY)
    rate = rate_at(at) * factor
    return w * (1 - rate * DECAY * decays) - rate * grafted, state


def rate_at(at):
    return RATE * min(1, (at + 1) / (WARMUP + 1)) * (1 - RATE_DECAY) ** at


def tap_factors(taps, kind):
    if kind == "mean":
        return np.full(taps, 1 / taps)
    factors = (1 - 1 / (taps * CONV_SCALE + CONV_SHIFT)) ** (taps - np.arange(taps))
    return factors / factors.sum()


def rules_of(name, w, kind):
    """Of w [devices, ...], for one device: the factor of its learning rate, and whether it decays."""
    last = name.split(".")[-1]
    if name == "output":
        return 1 / w.shape[0], True
    if name == "middle" or last.startswith("conv"):
        return tap_factors(w.shape[2], kind)[:, None], True
    return 1, last in ("embedding", "first", "second")


def train(parameters, batches, kind):
    state = {name: [jnp.zeros((3, *w.shape[1:])) for _ in w] for name, w in parameters.items()}
    for at, window in enumerate(batches):
        _, (gradients, squares) = gradients_of(parameters, window)
        stepped = {
            name: [
                step(w[d], state[name][d], gradients[name][d], squares[name][d], at, *rules_of(name, w, kind), CLIP)
                for d in range(len(w))
            ]
            for name, w in parameters.items()
        }
        parameters = {name: jnp.stack([w for w, _ in devices]) for name, devices in stepped.items()}
        state = {name: [kept for _, kept in devices] for name, devices in stepped.items()}
    return parameters


# Values.


class Draw:
    def __init__(self, seed):
        self.random = np.random.default_rng(seed)

    def normal(self, shape, deviation=1.0, mean=0.0):
        return jnp.asarray(np.round(self.random.normal(mean, deviation, shape), 4))

    def scales(self, *shape):
        """Not 1, so that what is multiplied by them shows."""
        return self.normal(shape, 0.2, 1)

    def convolution(self, lead, outputs, taps, inputs):
        return self.normal((*lead, outputs, taps, inputs), max(outputs, taps * inputs) ** -0.5)

    def mixer(self, *lead):
        return self.normal((*lead, KERNEL, KERNEL), KERNEL**-0.5)

    def bytes(self, *shape):
        return jnp.asarray(self.random.integers(0, VOCAB, shape))


def initial(draw, devices):
    lead, wide = (devices,), INNER * devices

    def sandwich(body):
        return {"before": draw.scales(devices, FEATURES), **body, "after": draw.scales(devices, FEATURES)}

    def dense_parameters():
        return sandwich(
            {
                "conv0": draw.convolution(lead, POINTWISE, DENSE_TAPS, FEATURES),
                "norm": draw.scales(devices, POINTWISE),
                "conv1": draw.convolution(lead, FEATURES, DENSE_TAPS, POINTWISE),
            }
        )

    parameters = {"embedding": draw.normal((devices, VOCAB, FEATURES), 1 / FEATURES)}
    for block in range(DEPTH):
        parts = {
            "dense0": dense_parameters(),
            "bottleneck": sandwich(
                {
                    "conv0": draw.convolution(lead, INNER, OUTER_TAPS, FEATURES),
                    "norm0": draw.scales(devices, wide),
                    "norm1": draw.scales(devices, wide),
                    "conv1": draw.convolution(lead, FEATURES, OUTER_TAPS, INNER),
                }
            ),
            "dense1": dense_parameters(),
            "mixer": sandwich(
                {"first": draw.mixer(devices), "norm": draw.scales(devices, FEATURES), "second": draw.mixer(devices)}
            ),
        }
        for part, own in parts.items():
            parameters.update({f"blocks.{block}.{part}.{name}": w for name, w in own.items()})
    parameters["middle"] = draw.convolution(lead, wide, MIDDLE_TAPS, wide)
    parameters["output"] = draw.normal((devices, FEATURES, VOCAB), 1 / devices)
    return parameters


def model(devices):
    draw = Draw(devices)
    parameters = initial(draw, devices)
    batches = draw.bytes(STEPS, BATCH, LENGTH + 1)
    (loss, (accuracy, logits)), (gradients, squares) = gradients_of(parameters, batches[0])
    # One row can be right, by chance; else the accuracy would say nothing.
    guessed = batches.at[0, 0, LENGTH].set(jnp.argmax(logits[0, LENGTH - 1]))
    if accuracy == 0:
        batches = guessed
        (loss, (accuracy, logits)), (gradients, squares) = gradients_of(parameters, batches[0])
    after = {kind: train(parameters, batches, kind) for kind in ("perTap", "mean")}
    large = {"perTap": ("embedding", "output") if devices > 1 else (), "mean": ("embedding", "output")}
    return {
        "config": {
            "devices": devices,
            "vocab": VOCAB,
            "sequence": LENGTH,
            "batch": BATCH,
            "features": FEATURES,
            "pointwiseFeatures": POINTWISE,
            "pointwiseKernel": DENSE_TAPS,
            "innerBottleneckFeatures": INNER,
            "outerBottleneckKernel": OUTER_TAPS,
            "innerBottleneckKernel": MIDDLE_TAPS,
            "spatialMixingKernel": KERNEL,
            "depth": DEPTH,
            "slope": SLOPE,
            "zLoss": Z_LOSS,
        },
        "parameters": parameters,
        "batches": batches,
        "first": {
            "loss": loss,
            "accuracy": accuracy,
            "at": AT,
            "logits": jnp.stack([logits[at] for at in AT]),
            "gradients": gradients,
            "squares": squares,
        },
        "after": {
            kind: {name: w for name, w in weights.items() if name not in large[kind]} for kind, weights in after.items()
        },
    }


def piece(layer, x, parameters, draw):
    """A layer(x, pairs by name) with its output, and of a given cotangent the gradients and squares."""

    def run(x, w, s):
        return layer(x, {name: (w[name], s[name]) for name in w})

    y, pull = jax.vjp(run, x, parameters, jax.tree.map(jnp.zeros_like, parameters))
    dy = draw.normal(y.shape)
    dx, gradients, squares = pull(dy)
    is_index = x.dtype.kind == "i"
    result = {"x": x, "parameters": parameters, "y": y, "dy": dy, "gradients": gradients, "squares": squares}
    return result if is_index else {**result, "dx": dx}


def pieces():
    draw = Draw(7)
    x = draw.normal((BATCH, LENGTH, FEATURES))

    def mixed(axis):
        return lambda x, p: mixer(axis)([x], {name: [pair] for name, pair in p.items()})[0]

    def mixer_parameters():
        return {"first": draw.mixer(), "norm": draw.scales(FEATURES), "second": draw.mixer()}

    convolution = {"weight": draw.convolution((), POINTWISE, DENSE_TAPS, FEATURES)}
    states, output, targets = draw.normal((BATCH, 5, FEATURES)), draw.normal((FEATURES, 11)), draw.bytes(BATCH, 5) % 11
    targets = targets.at[1, 2].set(jnp.argmax(states[1, 2] @ output))

    def cost(states, w, s):
        return loss_of(project(states, (w, s)), targets)

    (loss, accuracy), (dx, gradient, squares) = jax.value_and_grad(cost, (0, 1, 2), has_aux=True)(
        states, output, jnp.zeros_like(output)
    )
    return {
        "norm": piece(lambda x, p: norm(x, p["weight"]), x, {"weight": draw.scales(FEATURES)}, draw),
        "normAct": piece(lambda x, p: norm_act(x, p["weight"]), x, {"weight": draw.scales(FEATURES)}, draw),
        "convolution": piece(lambda x, p: convolve(x, p["weight"]), x, convolution, draw),
        "mixer0": piece(mixed(0), x, mixer_parameters(), draw),
        "mixer1": piece(mixed(1), x, mixer_parameters(), draw),
        "embedding": piece(
            lambda i, p: embed(i, p["weight"]), draw.bytes(BATCH, 6) % 5, {"weight": draw.normal((5, 3))}, draw
        ),
        "crossEntropy": {
            "x": states,
            "parameters": {"weight": output},
            "targets": targets,
            "loss": loss,
            "accuracy": accuracy,
            "dx": dx,
            "gradients": {"weight": gradient},
            "squares": {"weight": squares},
        },
        "optimizer": optimizer_piece(draw),
    }


def optimizer_piece(draw):
    """Three steps of a matrix, whose gradients are clipped, and of a scale, of which they are not."""
    start = {"matrix": draw.normal((3, 4), 0.5), "scale": draw.scales(5)}
    sizes, decays = {"matrix": 1, "scale": 1e-4}, {"matrix": 1, "scale": 0}
    gradients = [{name: jnp.round(draw.normal(w.shape) * sizes[name], 8) for name, w in start.items()} for _ in range(STEPS)]
    squares = [
        {name: jnp.abs(jnp.round(draw.normal(w.shape) * sizes[name] ** 2, 12)) for name, w in start.items()}
        for _ in range(STEPS)
    ]
    after = {}
    for name, w in start.items():
        state = jnp.zeros((3, *w.shape))
        for at in range(STEPS):
            w, state = step(w, state, gradients[at][name], squares[at][name], at, 1, decays[name], CLIP_OF_PIECE)
        after[name] = w
    return {
        "clipRatio": CLIP_OF_PIECE,
        "parameters": start,
        "gradients": gradients,
        "squares": squares,
        "after": after,
    }


def plain(value):
    """For JSON, with ten significant digits."""
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if isinstance(value, (jax.Array, np.ndarray)) and value.ndim:
        return {"shape": list(value.shape), "data": " ".join(f"{one:.10g}" for one in np.asarray(value).ravel().tolist())}
    if isinstance(value, (jax.Array, np.ndarray)):
        return plain(value.item())
    if isinstance(value, float):
        return float(f"{value:.10g}")
    return value


if __name__ == "__main__":
    optimizer = {
        "learningRate": RATE,
        "warmupSteps": WARMUP,
        "rateDecay": RATE_DECAY,
        "weightDecay": DECAY,
        "clipRatio": CLIP,
        "betas": BETAS,
        "convScale": CONV_SCALE,
        "convShift": CONV_SHIFT,
        "rates": [rate_at(at) for at in range(STEPS)],
    }
    golden = {
        "madeWith": f"bench/peers/olmax_golden.py, JAX {jax.__version__}; see there for names and layouts",
        "optimizer": optimizer,
        "models": [model(1), model(2)],
        "pieces": pieces(),
    }
    json.dump(plain(golden), sys.stdout, separators=(",", ":"))
    print()
