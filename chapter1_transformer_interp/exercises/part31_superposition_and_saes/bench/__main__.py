r"""The benchmark without a notebook.

python -m part31_superposition_and_saes.bench mymodule:MySAE
python -m part31_superposition_and_saes.bench mymodule:MySAE other:Another --kinds independent Zipf --by F1
python -m part31_superposition_and_saes.bench --saelens          the autoencoders of SAELens, where it is installed
python -m part31_superposition_and_saes.bench --store            train ours anew, and write the file that the repo ships
"""

import argparse
import importlib
import platform
import sys
from pathlib import Path
from typing import Any

from .. import runtime
from ..experiments.run_store import machine, versions
from .entries import KINDS
from .measuring import MEASURES
from .runs import N_MODELS, SEED, STEPS, TARGET_L0, Benchmark, bench_saes
from .saelens import saelens_entries
from .stored import STORED, store

PROGRAM = "python -m part31_superposition_and_saes.bench"


def found(place: str) -> Any:
    """The class at "module:Class", the working directory included.

    Raises:
        SystemExit: with one line, if there is none.
    """
    module, colon, name = place.partition(":")
    if not colon:
        sys.exit(f"{place!r} must be module:Class, such as mymodule:MySAE")
    sys.path.insert(0, str(Path.cwd()))
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        sys.exit(f"{place!r} cannot be found: {error}")


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=PROGRAM, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("classes", nargs="*", metavar="module:Class", help="autoencoders to rank among ours")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS), help="of data (all)")
    parser.add_argument("--by", choices=MEASURES, default="matching", help="what ranks (matching)")
    parser.add_argument(
        "--target-l0", type=float, default=TARGET_L0, help=f"latents on in the mean row ({TARGET_L0:g})"
    )
    parser.add_argument("--models", type=int, default=N_MODELS, help=f"models that are reported ({N_MODELS})")
    parser.add_argument("--steps", type=int, default=STEPS, help=f"of every training ({STEPS})")
    parser.add_argument("--seed", type=int, default=SEED, help=f"of the models ({SEED})")
    parser.add_argument("--ours", choices=("stored", "train", "none"), default="stored", help="our kinds (stored)")
    parser.add_argument("--saelens", action="store_true", help="rank the autoencoders of SAELens as well")
    parser.add_argument("--store", action="store_true", help="train ours, and write the file that the repo ships")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None, path: Path = STORED) -> int:
    """Print the table; returns the exit status, 1 if a class could not be ranked."""
    options = parsed(arguments)
    classes = {place.rpartition(":")[2]: found(place) for place in options.classes}
    if options.saelens:
        try:
            classes |= saelens_entries()
        except ImportError as error:
            sys.exit(str(error))
    result = bench_saes(
        classes, options.kinds, target_l0=options.target_l0, n_models=options.models, steps=options.steps,
        ours="train" if options.store else options.ours, by=options.by, seed=options.seed,
    )  # fmt: skip
    print(result)
    print(f"{result.seconds:.0f} s")
    if options.store:
        store(result.lines, made_by(result, arguments, options.seed), path)
    return 1 if result.refused else 0


def made_by(result: Benchmark, arguments: list[str] | None, seed: int) -> dict[str, Any]:
    """What somebody who doubts the numbers needs."""
    command = " ".join([PROGRAM, *(sys.argv[1:] if arguments is None else arguments)])
    return {
        "command": command,
        "seed": seed,
        "versions": versions(),
        "machine": machine(),
        "system": platform.platform(),
        "device": str(runtime.device),
        "seconds": round(result.seconds),
    }


if __name__ == "__main__":
    sys.exit(main())
