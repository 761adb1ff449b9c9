"""A small PyTorch network that tells two spirals apart, for configs/torch_loop.yaml."""

from pathlib import Path

import torch
from torch import nn


def spirals(rows, generator):
    """Points on two noisy spirals, and which spiral each is on."""
    label = torch.randint(0, 2, (rows,), generator=generator)
    angle = 1 + 6 * torch.rand(rows, generator=generator)
    turn = angle + torch.pi * label
    points = torch.stack([angle * turn.cos(), angle * turn.sin()], dim=1) / 7
    return points + 0.03 * torch.randn(rows, 2, generator=generator), label


def train(params, epochs, checkpoint_dir, seed):
    """Yield the metrics after each epoch; go on from checkpoint_dir if it holds a checkpoint."""
    X, y = spirals(1000, torch.Generator().manual_seed(0))  # the same rows for every trial
    X_val, y_val = spirals(500, torch.Generator().manual_seed(1))
    torch.manual_seed(seed)
    units = params["hidden_units"]
    model = nn.Sequential(
        nn.Linear(2, units), nn.ReLU(), nn.Linear(units, units), nn.ReLU(), nn.Linear(units, 2)
    )
    optimizer = torch.optim.SGD(
        model.parameters(), lr=params["learning_rate"], momentum=params["momentum"]
    )
    loss = nn.CrossEntropyLoss()
    file = Path(checkpoint_dir, "checkpoint.pt")
    begin = 0
    if file.exists():
        checkpoint = torch.load(file, weights_only=True)
        model.load_state_dict(checkpoint["model"])
        optimizer.load_state_dict(checkpoint["optimizer"])
        for group in optimizer.param_groups:  # hpsearch babysit may have changed them since
            group.update(lr=params["learning_rate"], momentum=params["momentum"])
        torch.set_rng_state(checkpoint["random"])
        begin = checkpoint["epoch"]
    for epoch in range(begin, epochs):
        for rows in torch.randperm(len(X)).split(params["batch_size"]):
            optimizer.zero_grad()
            loss(model(X[rows]), y[rows]).backward()
            optimizer.step()
        torch.save(
            {
                "model": model.state_dict(),
                "optimizer": optimizer.state_dict(),
                "random": torch.get_rng_state(),  # so that the next shuffle is the same
                "epoch": epoch + 1,
            },
            file,
        )
        with torch.no_grad():
            logits = model(X_val)
        yield {
            "val_loss": loss(logits, y_val).item(),
            "val_accuracy": (logits.argmax(1) == y_val).float().mean().item(),
        }
