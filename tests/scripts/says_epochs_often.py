"""Says thrice how an epoch goes, each time with its number; how many to train it does not ask."""

import json
import sys

rate = float(sys.argv[1])
for epoch in range(1, 41):
    for part in (1, 2, 3):
        print(
            json.dumps({"epoch": epoch, "loss": abs(rate - 0.3) + 4 / epoch - part / 10}),
            flush=True,
        )
