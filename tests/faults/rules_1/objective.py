"""What the runs of rules 1 beside this file were searched with."""

import time
from pathlib import Path


def train(params, epochs, seed, checkpoint_dir):
    """A loss that depends on the seed; the deepest settings end undefined."""
    done = Path(checkpoint_dir, "epoch")
    epoch = int(done.read_text()) if done.exists() else 0
    while epoch < epochs:
        epoch += 1
        time.sleep(params.get("wait", 0))
        done.write_text(str(epoch))
        noise = seed / 2**32 / 100
        undefined = epoch > 1 and params["depth"] == 3
        loss = (params["x"] - 0.3) ** 2 - params["depth"] / 100 / epoch + noise
        yield {"loss": float("nan") if undefined else loss}
