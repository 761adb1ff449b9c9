"""Prints nothing; logs to W&B, several times a step, with its own defaults."""

import wandb

run = wandb.init(project="quirks", config={"lr": 0.5, "layers": 2, "note": "mine"})
wandb.define_metric("val/loss", summary="min")
config = wandb.config
for epoch in range(40):
    for batch in range(2):
        wandb.log({"train/loss": config.lr + 1 / (batch + 1)}, step=2 * epoch + batch)
    loss = abs(config.lr - 0.3) + 1 / (epoch + 1) + config["layers"] / 100
    wandb.log({"val/loss": loss, "epoch": epoch, "note": config.note}, step=2 * epoch + 1)
wandb.summary["done"] = True
wandb.finish()
