"""Stands in for Weights & Biases while hpsearch trains a script: offline, without an account.

Where the script's interpreter has the real `wandb`, that is loaded and listened to
(`wandb/_listening.py`). Where it has not, the names below do what training scripts commonly ask
for, and any other is harmless. What is logged goes to the file that `HPSEARCH_REPORTS` names.
"""

import sys

from wandb import _listening

_real = _listening.real(__name__, __path__)
if _real is None:
    from wandb import _harmless
    from wandb._run import *  # noqa: F403
    from wandb._run import __version__ as __version__
    from wandb._values import *  # noqa: F403

    _harmless.complete(sys.modules[__name__])
else:
    _listening.listen(_real)
