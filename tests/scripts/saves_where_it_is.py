"""Its checkpoint is `last.ckpt` in the current folder, from which it goes on."""

import json
import sys
from pathlib import Path

rate, epochs = float(sys.argv[1]), int(sys.argv[2])
file = Path("last.ckpt")
begun, loss = json.loads(file.read_text()) if file.exists() else (0, 1.0)
for epoch in range(begun + 1, epochs + 1):
    loss = loss * 0.5 + abs(rate - 0.3)
    file.write_text(json.dumps([epoch, loss]))
    print(json.dumps({"epoch": epoch, "loss": loss}), flush=True)
