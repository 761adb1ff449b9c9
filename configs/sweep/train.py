"""Softmax regression on irises, as one would write it for W&B; it knows nothing of hpsearch.

With its sweep, sweep.yaml beside it, it is tuned as it is:
    hpsearch init --from configs/sweep/sweep.yaml -o irises.yaml
    hpsearch run irises.yaml
"""

import argparse
import csv
from pathlib import Path

import numpy as np
import wandb

parser = argparse.ArgumentParser()
parser.add_argument("--learning_rate", type=float, default=0.1)
parser.add_argument("--momentum", type=float, default=0.9)
parser.add_argument("--batch_size", type=int, default=16)
parser.add_argument("--epochs", type=int, default=27)
args = parser.parse_args()
wandb.init(project="irises", config=vars(args))

with (Path(__file__).parents[1] / "data" / "iris.csv").open() as file:
    *columns, target = zip(*list(csv.reader(file))[1:], strict=True)
x = np.array(columns, dtype=float).T
x = (x - x.mean(axis=0)) / x.std(axis=0)
y = np.unique(target, return_inverse=True)[1]
random = np.random.default_rng(0)
order = random.permutation(len(x))
training, validation = order[:110], order[110:]


def probabilities(rows):
    """Of each class, for some rows."""
    scores = x[rows] @ weights + biases
    scores = np.exp(scores - scores.max(axis=1, keepdims=True))
    return scores / scores.sum(axis=1, keepdims=True)


def loss(rows):
    """The mean cross entropy of some rows."""
    return -np.log(probabilities(rows)[np.arange(len(rows)), y[rows]] + 1e-12).mean()


weights, biases = np.zeros((x.shape[1], 3)), np.zeros(3)
velocity = [np.zeros_like(weights), np.zeros_like(biases)]
for _ in range(args.epochs):
    shuffled = random.permutation(training)
    for begin in range(0, len(shuffled), args.batch_size):
        batch = shuffled[begin : begin + args.batch_size]
        error = (probabilities(batch) - np.eye(3)[y[batch]]) / len(batch)
        for parameter, step, gradient in zip(
            (weights, biases), velocity, (x[batch].T @ error, error.sum(axis=0)), strict=True
        ):
            step *= args.momentum
            step -= args.learning_rate * gradient
            parameter += step
    accuracy = (probabilities(validation).argmax(axis=1) == y[validation]).mean()
    wandb.log(
        {"train_loss": loss(training), "val_loss": loss(validation), "val_accuracy": accuracy}
    )
wandb.finish()
