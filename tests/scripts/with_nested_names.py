"""Options with dots and hyphens in their names, as configurations of mappings have."""

import argparse
import json

parser = argparse.ArgumentParser()
parser.add_argument("--model.hidden-size", type=int, required=True, dest="size")
parser.add_argument("--model.dropout", type=float, required=True, dest="dropout")
parser.add_argument("--optim.lr", type=float, required=True, dest="lr")
parser.add_argument("--trainer.max_epochs", type=int, default=9, dest="epochs")
args = parser.parse_args()

for epoch in range(1, args.epochs + 1):
    loss = abs(args.lr - 0.1) + args.dropout / (1 + epoch) + args.size / 1000
    print(json.dumps({"epoch": epoch, "val_loss": loss}))
