"""The ways in which scripts take a boolean; the first argument says which one this is."""

import argparse
import json
import sys

parser = argparse.ArgumentParser()
parser.add_argument("way")
parser.add_argument("--lr", type=float, required=True)
way = sys.argv[1]
if way == "store_true":  # --use_bn
    parser.add_argument("--use_bn", action="store_true")
elif way == "pair":  # --use_bn, --no-use_bn
    parser.add_argument("--use_bn", action=argparse.BooleanOptionalAction, required=True)
elif way == "json":  # --use_bn true
    parser.add_argument("--use_bn", type=json.loads, required=True)
else:  # --use_bn=True
    words = {"True": True, "False": False}
    parser.add_argument("--use_bn", type=words.__getitem__, required=True)
args = parser.parse_args()
if not isinstance(args.use_bn, bool):
    parser.error("--use_bn is no boolean")

for epoch in range(1, 10):
    print(json.dumps({"loss": args.lr + 1 / epoch + (not args.use_bn)}), flush=True)
