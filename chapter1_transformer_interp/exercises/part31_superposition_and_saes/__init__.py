"""Toy models of superposition and sparse autoencoders: exercises, references, tests and figures."""

import importlib.util
import sys
from pathlib import Path

# Until the project is installed, only the folder above this package is on sys.path: the set-up cell of
# every notebook puts it there. plotly_utils.py lies at the top of the repo, so that is added here.
if importlib.util.find_spec("plotly_utils") is None:
    _repo = Path(__file__).resolve().parents[3]
    if not (_repo / "plotly_utils.py").exists():
        raise ImportError(
            "plotly_utils.py is missing. Run `pip install -e .` at the top of the repo, as its README says."
        )
    sys.path.append(str(_repo))
