"""Writes TensorBoard's event files as Keras does, for training and validation; prints nothing."""

import sys
from pathlib import Path
from types import ModuleType

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

# Without TensorFlow, which takes seconds to import, it writes the same.
sys.modules["tensorboard.compat.notf"] = ModuleType("notf")

rate, folder = float(sys.argv[1]), Path(sys.argv[2])
writers = {part: EventFileWriter(str(folder / part)) for part in ("train", "validation")}
for epoch in range(9):
    for part, writer in writers.items():
        loss = rate + 1 / (epoch + 1) + (part == "train")
        summary = Summary(value=[Summary.Value(tag="epoch_loss", simple_value=loss)])
        writer.add_event(Event(step=epoch, wall_time=epoch, summary=summary))
        writer.flush()
for writer in writers.values():
    writer.close()
