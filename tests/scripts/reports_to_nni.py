"""Asks NNI for its parameters, and reports to it."""

import nni

params = {"lr": 0.5, "layers": 2}
params.update(nni.get_next_parameter())
for epoch in range(1, 41):
    accuracy = 1 - abs(params["lr"] - 0.3) - params["layers"] / 100 - 1 / (epoch + 1)
    nni.report_intermediate_result({"default": accuracy, "loss": 1 - accuracy})
nni.report_final_result(accuracy)
