"""Prints a JSON line an epoch; its options are argparse's."""

import argparse
import json
import math
import random

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, required=True)
parser.add_argument("--batch-size", type=int, default=32)
parser.add_argument("--optimizer", choices=["sgd", "adam"], default="sgd")
parser.add_argument("--momentum", type=float)
parser.add_argument("--units", type=int, nargs="+", default=[8])
parser.add_argument("--epochs", type=int, default=9)
args = parser.parse_args()
if args.momentum is not None and args.optimizer != "sgd":
    parser.error("--momentum is for sgd")

noise = random.Random(f"{args.lr} {args.batch_size} {args.units}")
for epoch in range(1, args.epochs + 1):
    loss = math.log10(args.lr / 0.01) ** 2 + 1 / epoch + (args.momentum or 0) / 10
    loss += args.batch_size / 1000 + sum(args.units) / 1000 + noise.random() / 100
    print("epoch", epoch, "of", args.epochs)
    print(json.dumps({"val_loss": loss}), flush=True)
