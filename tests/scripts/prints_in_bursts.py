"""Its output is a pipe's: nothing for a while, then many lines, cut anywhere."""

import os
import sys

rate = float(sys.argv[sys.argv.index("--rate") + 1])
lines = [f'{{"loss": {abs(rate - 0.3) + 1 / epoch}}}' for epoch in range(1, 41)]
text = ("\n".join(lines) + "\n").encode()
for begin in range(0, len(text), 173):
    os.write(1, text[begin : begin + 173])
