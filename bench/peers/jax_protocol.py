"""Starts JAX on the CPU with as many threads as nonet has. Import it before jax."""
import os

from protocol import THREADS, serve

# XLA makes as many threads as there are cores to run on.
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-THREADS:])
os.environ["JAX_PLATFORMS"] = "cpu"


def serve_jax(prepare):
    import jax

    serve(prepare, jax.__version__)
