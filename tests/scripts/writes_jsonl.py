"""Prints nothing; a JSON line an epoch in `metrics.jsonl` of the current folder."""

import json
import sys
from pathlib import Path

rate = float(sys.argv[1].partition("=")[2])
with Path("metrics.jsonl").open("a") as file:
    for epoch in range(1, 41):
        file.write(json.dumps({"loss": abs(rate - 0.3) + 1 / epoch, "phase": "train"}) + "\n")
        file.flush()
