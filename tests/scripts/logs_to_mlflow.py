"""Logs to MLflow, wherever the environment says that it is."""

import argparse

import mlflow

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float)
args = parser.parse_args()
with mlflow.start_run():
    mlflow.log_param("lr", args.lr)
    for epoch in range(9):
        mlflow.log_metric("val_loss", abs(args.lr - 0.3) + 1 / (epoch + 1), step=epoch)
