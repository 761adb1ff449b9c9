"""Prints nothing; writes TensorBoard's event files, by the library that writes them."""

import sys
import time

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

rate, folder = float(sys.argv[1]), sys.argv[2]
writer = EventFileWriter(folder)
for epoch in range(1, 10):
    values = {"train/loss": rate, "val/loss": abs(rate - 0.3) + 1 / epoch}
    entries = [Summary.Value(tag=tag, simple_value=value) for tag, value in values.items()]
    event = Event(wall_time=time.time(), step=epoch, summary=Summary(value=entries))
    writer.add_event(event)
    writer.flush()
writer.close()
