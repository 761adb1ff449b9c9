"""Its options are click's, a pair of flags among them; it says its accuracy in a sentence."""

import math

import click


@click.command()
@click.option("--learning-rate", type=float, required=True)
@click.option("--bn/--no-bn", default=False)
@click.option("--kernel", type=int, multiple=True, default=[3])
@click.option("--epochs", type=int, default=9)
def train(learning_rate: float, bn: bool, kernel: list[int], epochs: int) -> None:
    """Train."""
    best = math.exp(-abs(math.log10(learning_rate / 0.01))) - 0.1 * (not bn) - sum(kernel) / 100
    for epoch in range(1, epochs + 1):
        print(f"Epoch {epoch}: accuracy {best - 1 / (epoch + 1):.6f}")


train()
