#!/bin/sh
# Makes .peers/venv beside package.json: the newest PyTorch and JAX that pip finds, for the benchmarks. On x86-64 that
# PyTorch is a build of several GB for graphics cards that also runs on a CPU. Run it once by hand, from anywhere.
set -eu
cd "$(dirname "$0")/../.."
venv=.peers/venv
python3 -m venv "$venv"
"$venv/bin/python" -m pip install --upgrade pip
"$venv/bin/python" -m pip install --upgrade torch jax
"$venv/bin/python" -c 'import torch, jax; print("PyTorch", torch.__version__, "and JAX", jax.__version__, "are ready")'
