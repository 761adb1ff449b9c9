"""Overrides such as `optimizer.lr=0.1`, as Hydra's applications take; it knows no options."""

import json
import math
import sys

config = {"optimizer.lr": 0.1, "optimizer.name": "sgd", "model.bn": False, "epochs": 9}
for word in sys.argv[1:]:
    name, sign, text = word.partition("=")
    if not sign or name not in config:
        sys.exit(f"Could not override {word!r}")
    try:
        config[name] = json.loads(text)
    except ValueError:
        config[name] = text
if not isinstance(config["model.bn"], bool) or config["optimizer.name"] not in ("sgd", "adam"):
    sys.exit(f"an odd configuration: {config}")

for epoch in range(1, config["epochs"] + 1):
    score = 1 / epoch + abs(math.log10(config["optimizer.lr"]) + 2) - config["model.bn"] / 10
    print(f"[train][INFO] - epoch={epoch} val/loss={score:.5f}")
