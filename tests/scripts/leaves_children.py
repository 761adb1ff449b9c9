"""Starts processes that load data, as it would say, and does not wait for them."""

import os
import subprocess
import sys
from pathlib import Path

rate = float(sys.argv[1])
loaders = [subprocess.Popen(["sleep", "600"]) for _ in range(2)]
pids = " ".join(str(each.pid) for each in loaders)
with Path("loaders.txt").open("a") as file:
    file.write(f"{pids}\n")
for epoch in range(1, int(sys.argv[2]) + 1):
    print('{"loss": %r}' % (abs(rate - 0.3) + 1 / epoch), flush=True)
sys.stdout.flush()
os._exit(0)  # and nobody tidies up
