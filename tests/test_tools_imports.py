"""Every module imports alone, from any working directory, prints nothing and leaves global random state alone."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tools.paths import PART, ROOT

# Imports modules in one process that has nothing of ours yet, and says what that did.
CHILD = """
import importlib, json, os, random, sys
import numpy as np, torch as t

def state():
    numpy = np.random.get_state()
    return [t.initial_seed(), t.get_rng_state().tolist(), random.getstate(), numpy[1].tolist(), numpy[2],
            str(t.get_default_dtype()), t.is_grad_enabled(), t.are_deterministic_algorithms_enabled()]

def visit(modules, out):
    os.dup2(out, 1), os.dup2(out, 2)
    before = state()
    for module in modules:
        importlib.import_module(module)
    if state() != before:
        print("global state has changed")
    sys.stdout.flush(), sys.stderr.flush()
"""
# Forking spares each child the seconds that torch and plotly take to import; without fork each starts from nothing.
PARENT = """
import tempfile, traceback
from pathlib import Path
import einops, jaxtyping, pandas, plotly.express, plotly.graph_objects, scipy, tqdm.auto, IPython.display, nbformat

found = {}
for modules in json.loads(sys.argv[1]):
    with tempfile.TemporaryFile() as out:
        child = os.fork()
        if child == 0:
            try:
                visit(modules, out.fileno())
            except BaseException:
                traceback.print_exc()
            sys.stderr.flush()
            os._exit(0)
        os.waitpid(child, 0)
        out.seek(0)
        found[" ".join(modules)] = out.read().decode()
print(json.dumps(found))
"""


def modules() -> list[str]:
    """Every module of the project, tools included, tests of the project itself not."""
    names = ["plotly_utils"]
    for top, folder in ((PART.parent, PART), (ROOT, ROOT / "tools")):
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(top).with_suffix("").parts
            if "work" not in parts:
                names.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return names


def visit(groups: list[list[str]], folder: Path) -> dict[str, str]:
    """What importing each group in a process of its own printed or changed."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}  # tools are run from the root, and not installed
    if not hasattr(os, "fork"):
        return {" ".join(group): alone(group, folder, environment) for group in groups}
    out = subprocess.run(
        [sys.executable, "-c", CHILD + PARENT, json.dumps(groups)],
        cwd=folder, env=environment, text=True, capture_output=True, check=True,
    )  # fmt: skip
    return json.loads(out.stdout.splitlines()[-1])


def alone(group: list[str], folder: Path, environment: dict[str, str]) -> str:
    out = subprocess.run(
        [sys.executable, "-c", f"{CHILD}\nvisit({group!r}, 1)"],
        cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    return out.stdout


def test_the_list_of_modules_is_whole() -> None:
    package = PART.name
    assert {"plotly_utils", package, f"{package}.utils", f"{package}.tests", "tools.run"} <= set(modules())
    assert not [name for name in modules() if name.endswith("__init__")]


GUILTY = {
    "prints": ("print('hello')", "hello"),
    "seeds": ("import torch; torch.manual_seed(3)", "global state has changed"),
    "draws": ("import torch; torch.rand(1)", "global state has changed"),
    "draws_with_numpy": ("import numpy; numpy.random.rand()", "global state has changed"),
    "draws_with_python": ("import random; random.random()", "global state has changed"),
    "warns": ("import warnings; warnings.warn('old')", "old"),
    "fails": ("1 / 0", "ZeroDivisionError"),
}
ORDERS = [random.Random(seed).sample(modules(), len(modules())) for seed in range(5)]
pytestmark = pytest.mark.xdist_group("imports")  # one process imports torch for all of them


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What each import printed or changed: every module alone, all of them in some orders, and the guilty ones."""
    folder = tmp_path_factory.mktemp("elsewhere")
    for name, (source, _) in GUILTY.items():
        (folder / f"{name}.py").write_text(source)
    return visit([[name] for name in [*modules(), *GUILTY]] + ORDERS, folder)


@pytest.mark.parametrize("name", modules())
def test_a_module_imports_in_a_process_of_its_own(name: str, found: dict[str, str]) -> None:
    assert found[name] == ""


@pytest.mark.parametrize("order", ORDERS, ids=range(len(ORDERS)))
def test_modules_import_in_any_order(order: list[str], found: dict[str, str]) -> None:
    assert found[" ".join(order)] == ""


@pytest.mark.parametrize("name", GUILTY)
def test_what_a_module_must_not_do_is_seen(name: str, found: dict[str, str]) -> None:
    assert GUILTY[name][1] in found[name]
