"""Several JSON lines an epoch: those of batches, and one of the epoch, which says its number."""

import argparse
import json

parser = argparse.ArgumentParser()
parser.add_argument("--rate", type=float)
parser.add_argument("--epochs", type=int)
args = parser.parse_args()
for epoch in range(1, args.epochs + 1):
    for batch in range(3):
        print(json.dumps({"batch": batch, "loss": abs(args.rate - 0.3) + 1 / (3 * epoch + batch)}))
    print(json.dumps({"epoch": epoch, "val_loss": abs(args.rate - 0.3) + 1 / epoch}))
