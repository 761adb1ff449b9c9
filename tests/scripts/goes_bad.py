"""Goes bad after some epochs, sooner with larger rates: it crashes, or says NaN for ever."""

import json
import math
import sys

rate, way = float(sys.argv[1]), sys.argv[2]
last = 1 if rate > 0.8 else 3 if rate > 0.6 else 40
if way == "nan-early" and rate > 0.3:
    last = 0
for epoch in range(1, last + 1):
    print(json.dumps({"loss": rate + 1 / epoch}), flush=True)
if way == "crash":
    raise RuntimeError("out of memory")
while last < 40:
    print(json.dumps({"loss": math.nan}), flush=True)
