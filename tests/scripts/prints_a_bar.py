"""A progress bar, which goes back to the beginning of its line; no line ever ends."""

import sys

rate = float(sys.argv[1].removeprefix("--rate="))
for epoch in range(1, int(sys.argv[2]) + 1):
    for batch in range(1, 4):
        loss = abs(rate - 0.3) + 1 / epoch + 1 / batch
        print(f"\rEpoch {epoch} [{'=' * batch:3}] {batch}/3 loss: {loss:.4f}", end="")
    print(f"\rEpoch {epoch} [===] 3/3 val_loss: {loss - 0.1:.4f} ", end="")
    sys.stdout.flush()
