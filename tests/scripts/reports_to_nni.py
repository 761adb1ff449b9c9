"""Merges what NNI hands it into its arguments, and reports to NNI alone."""

import argparse

import nni
from nni.utils import merge_parameter

parser = argparse.ArgumentParser()
parser.add_argument("--rate", type=float, default=0.5)
args = merge_parameter(parser.parse_args(), nni.get_next_parameter())
for epoch in range(9):
    nni.report_intermediate_result({"default": args.rate + 1 / (epoch + 1), "note": "x"})
nni.report_final_result(args.rate)
