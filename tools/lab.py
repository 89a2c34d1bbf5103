"""Open JupyterLab on the learner's own copies of the exercise notebooks; a copy that is there is never touched.

Run as `python -m tools.lab`. What follows `--` goes to JupyterLab: `python -m tools.lab -- --port 8899`.
"""

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat

from .paths import PART

KIND = "_exercises.ipynb"
# JupyterLab would ask a server for news and for newer versions of itself.
QUIET = ("--LabApp.news_url=None", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate")


def copy_notebooks(folder: Path, work: Path) -> list[str]:
    """Copy the exercise notebooks that `work` lacks.

    Returns:
        One line for each notebook: copied or kept, and whether a kept one was made from another version.
    """
    work.mkdir(exist_ok=True)
    lines = []
    for original in sorted(folder.glob(f"[0-9]*{KIND}")):
        copy = work / original.name
        try:
            with copy.open("xb") as target:  # fails where the file exists, also one made a moment ago
                target.write(original.read_bytes())
            lines.append(f"copied {original.name}")
        except FileExistsError:
            lines.append(f"kept your {original.name}{_age(copy, original)}")
    return lines


def _age(copy: Path, original: Path) -> str:
    """What to know of a kept copy that was not made from the present notebook; empty if it was."""
    now = _origin(original)
    try:
        then = _origin(copy)
    except Exception:  # a learner's file may be anything
        return ", which cannot be read as a notebook; move it away to get a fresh one"
    if then.get("digest") == now.get("digest"):
        return ""
    versions = {str(origin.get("version", "an unknown version")) for origin in (then, now)}
    which = f" ({then.get('version', 'unknown')}; now {now.get('version')})" if len(versions) == 2 else ""
    return f", made from an older version of it{which}; move it away to get a fresh one"


def _origin(path: Path) -> dict[str, Any]:
    """What the build wrote about a notebook: name, kind, version, digest."""
    return dict(nbformat.read(path, as_version=4).metadata.get("part31", {}))


def main(arguments: list[str] | None = None) -> int:
    """Copy, then open JupyterLab and stay until it ends; returns the exit status."""
    parser = argparse.ArgumentParser(prog="tools.lab", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--no-open", action="store_true", help="start JupyterLab without a browser")
    parser.add_argument("--copy-only", action="store_true", help="copy and do not start JupyterLab")
    parser.add_argument("jupyter", nargs="*", help="options for JupyterLab, after --")
    parser.add_argument("--folder", type=Path, default=PART, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    work = options.folder / "work"
    lines = copy_notebooks(options.folder, work)
    if not lines:
        print(f"there is no exercise notebook (*{KIND}) in {options.folder}; run `make notebooks`", file=sys.stderr)
        return 2
    print("\n".join(lines))
    print(f"your notebooks are in {work}", flush=True)
    if options.copy_only:
        return 0
    browser = ["--no-browser"] if options.no_open else []
    command = [sys.executable, "-m", "jupyterlab", *QUIET, *browser, *options.jupyter]
    jupyter = subprocess.Popen(command, cwd=work)
    while True:
        try:
            return jupyter.wait()
        except KeyboardInterrupt:  # JupyterLab has got it too, asks whether that was meant, and ends its kernels
            continue


if __name__ == "__main__":
    sys.exit(main())
