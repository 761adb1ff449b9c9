"""Writes its whole table anew after each epoch, as pandas does; prints nothing."""

import sys
from pathlib import Path

rate, path = float(sys.argv[1]), Path(sys.argv[2])
rows = ["epoch,lr,loss,note"]
for epoch in range(9):
    rows.append(f'{epoch},,{rate + 1 / (epoch + 1)},"a\nb"')
    path.write_text("\n".join(rows) + "\n")
