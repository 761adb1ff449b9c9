"""Asked to end, it saves what it has and goes with a status of its own; or it does not go."""

import signal
import sys
import time
from pathlib import Path


def save(number: int, frame: object) -> None:
    """Save, and end."""
    Path("saved.txt").write_text("all of it")
    print("loss: -1000000", flush=True)  # what it says by then counts for nothing
    sys.exit(143)


rate, heeds = float(sys.argv[1]), sys.argv[2] == "heeds"
signal.signal(signal.SIGTERM, save if heeds else signal.SIG_IGN)
for epoch in range(1, 100_000):
    print("loss:", abs(rate - 0.3) + 1 / epoch, flush=True)
    time.sleep(0.01)
