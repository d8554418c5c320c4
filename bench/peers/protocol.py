"""The peers' side of the protocol in process.mjs."""
import os
import sys
import time

import torch


def serve(prepare):
    """Answers lines until the input ends; prepare(*words) makes a case: a function that does one repetition."""
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    torch.manual_seed(0)
    print("ready", torch.__version__, flush=True)
    work = None
    for line in sys.stdin:
        word, *rest = line.split()
        if word == "case":
            work = None  # frees the last case before the next one is made
            work = prepare(*rest)
            print("ok", flush=True)
        else:
            start = time.perf_counter()
            for _ in range(int(rest[0])):
                work()
            print(f"{time.perf_counter() - start:.9f}", flush=True)
