"""Prints nothing, heeds no epochs, takes no options: it hands all to wandb, as a sweep has it."""

import wandb

with wandb.init(project="p", config={"rate": 0.5, "batch": 8}) as run:
    run.define_metric("val/loss", summary="min")
    for epoch in range(20):
        for batch in range(3):
            wandb.log({"batch_loss": batch}, step=4 * epoch + batch)
        wandb.log({"epoch": epoch, "lr": 0.1}, step=4 * epoch + 3)
        wandb.log({"val/loss": wandb.config.rate + 1 / (epoch + 1)}, step=4 * epoch + 3)
    run.summary["done"] = 1
