"""Which settings to try: coarse random first, then finer around the best."""

from typing import Literal

SamplerName = Literal["zoom", "random", "grid"]
