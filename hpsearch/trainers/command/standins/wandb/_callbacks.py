"""The callbacks that the real `wandb` brings for Keras, LightGBM and XGBoost."""

from __future__ import annotations

from typing import Any

import wandb


def of(library: str, name: str) -> Any:
    """A callback by name; None if there is none. The library is imported for its base class."""
    made = _MAKERS.get((library, name))
    return None if made is None else made()


def _keras_base() -> Any:
    try:
        from keras.callbacks import Callback
    except ImportError:
        from tensorflow.keras.callbacks import Callback
    return Callback


def _keras_logger() -> Any:
    class WandbMetricsLogger(_keras_base()):  # type: ignore[misc]
        """Logs `epoch/NAME` after each epoch, and `batch/NAME` if `log_freq` asks for it."""

        def __init__(self, log_freq: Any = "epoch", *args: Any, **kwargs: Any) -> None:
            super().__init__()
            self.every = {"batch": 1, "epoch": 0}.get(log_freq, log_freq)
            self.batch = 0

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            named = {f"epoch/{name}": value for name, value in (logs or {}).items()}
            wandb.log({**named, "epoch/epoch": epoch})

        def on_batch_end(self, batch: int, logs: Any = None) -> None:
            self.batch += 1
            if self.every and batch % self.every == 0:
                named = {f"batch/{name}": value for name, value in (logs or {}).items()}
                wandb.log({**named, "batch/batch_step": self.batch})

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.on_batch_end(batch, logs)

    return WandbMetricsLogger


def _keras_callback() -> Any:
    class WandbCallback(_keras_base()):  # type: ignore[misc]
        """Logs the metrics of each epoch by their names in Keras."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__()

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            wandb.log({"epoch": epoch}, commit=False)
            wandb.log(dict(logs or {}))

    return WandbCallback


def _keras_nothing() -> Any:
    class WandbModelCheckpoint(_keras_base()):  # type: ignore[misc]
        """Saves nothing: there is no server for it."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__()

    return WandbModelCheckpoint


def _lightgbm_callback() -> Any:
    def wandb_callback(*args: Any, **kwargs: Any) -> Any:
        """Logs `DATA_METRIC` after each iteration."""

        def callback(env: Any) -> None:
            values = {}
            for each in env.evaluation_result_list or []:
                if len(each) == 4:
                    values[f"{each[0]}_{each[1]}"] = each[2]
                else:  # of cross-validation: "DATA METRIC" or METRIC, mean, better, deviation
                    name = "_".join(each[1].split())
                    values[f"{name}-mean"], values[f"{name}-stdv"] = each[2], each[4]
            wandb.log({**values, "iteration": env.iteration})

        return callback

    return wandb_callback


def _xgboost_callback() -> Any:
    from xgboost.callback import TrainingCallback

    class WandbCallback(TrainingCallback):  # type: ignore[misc]
        """Logs `DATA-METRIC` after each round."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__()

        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            for data, metrics in evals_log.items():
                for metric, values in metrics.items():
                    wandb.log({f"{data}-{metric}": values[-1]}, commit=False)
            wandb.log({"epoch": epoch})
            return False

    return WandbCallback


_MAKERS = {
    ("keras", "WandbMetricsLogger"): _keras_logger,
    ("keras", "WandbCallback"): _keras_callback,
    ("keras", "WandbModelCheckpoint"): _keras_nothing,
    ("keras", "WandbEvalCallback"): _keras_nothing,
    ("lightgbm", "wandb_callback"): _lightgbm_callback,
    ("xgboost", "WandbCallback"): _xgboost_callback,
    ("xgboost", "wandb_callback"): _xgboost_callback,
}
