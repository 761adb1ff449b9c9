"""Trains 1,000 epochs whatever anybody says, each as long as it takes."""

import sys
import time

rate = float(sys.argv[1])
for epoch in range(1, 1001):
    print(f"epoch {epoch}: loss = {abs(rate - 0.3) + 1 / epoch}", flush=True)
    time.sleep(0.01)
