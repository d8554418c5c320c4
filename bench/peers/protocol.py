"""The peers' side of the protocol in process.mjs."""
import os
import sys
import time

THREADS = int(os.environ.get("OMP_NUM_THREADS", "1"))


def serve(prepare, version):
    """Answers lines until the input ends; prepare(*words) makes a case: a function that does one repetition."""
    print("ready", version, flush=True)
    work = None
    for line in sys.stdin:
        word, *rest = line.split()
        if word == "case":
            work = None  # frees the last case before the next one is made
            try:
                work = prepare(*rest)
                work()  # what compiles does so now
                print("ok", flush=True)
            except Exception as error:
                print("failed", " ".join(f"{type(error).__name__}: {error}".split())[:200], flush=True)
        else:
            start = time.perf_counter()
            for _ in range(int(rest[0])):
                work()
            print(f"{time.perf_counter() - start:.9f}", flush=True)


def serve_torch(prepare):
    import torch

    torch.set_num_threads(THREADS)
    torch.manual_seed(0)
    serve(prepare, torch.__version__)
