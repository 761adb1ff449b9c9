"""Runs for other tools, and Optuna's studies as runs.

`formats` lists what a run can be exported as; a module for each tool writes it, from what
`exported_run` reads, and `onnx` writes the winner's network. `optuna_study` reads a study, and
`optuna_import` makes a run of it.
"""
