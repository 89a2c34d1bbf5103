"""Repeat the claims of the solution notebooks over ten seeds, and write what was measured to data/claims.json.

Run as `python -m tools.claims [--notebook 1] [--seeds "100 101"] [--jobs 2] [--readme]`. No margin was chosen on the
seeds 100 to 109. Notebooks that are not run keep what is known of them. The exit status is 1 if a claim failed.
"""

import argparse
import json
import math
import platform
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from . import outputs
from .console import ToolError, UsageError, exit_status, print_table
from .execute import CELL_SECONDS, KIND, execute, seed_number, select
from .paths import PART, ROOT

SEEDS = tuple(range(100, 110))
FILE = PART / "data" / "claims.json"
README = ROOT / "README.md"
BEGIN, END = "<!-- claims:begin -->", "<!-- claims:end -->"
HEADER = ("claim", "what the source says", "seeds held", "smallest margin")
Row = dict[str, Any]


def read_seeds(value: str) -> list[int]:
    """Seeds from the command line, separated by blanks or commas; the usual ten if there are none."""
    seeds = [seed_number(word) for word in value.replace(",", " ").split()]
    return sorted(set(seeds)) or list(SEEDS)


def name_of(path: Path) -> str:
    """Name of a notebook pair: 1_toy_models."""
    return path.name.removesuffix(KIND)


def measure(path: Path, seed: int) -> tuple[list[Row], list[str]]:
    """Run one notebook from one seed, on one thread.

    Returns:
        A row for each claim that was shown, and what else went wrong.
    """
    one = execute(path, seed, 3 * CELL_SECONDS, path.parent, threads=1)
    rows = [
        {
            "notebook": name_of(path),
            "claim": claim["number"],
            "seed": seed,
            "statement": claim["statement"],
            "source": claim["source"],
            "holds": claim["holds"],
            "measured": [_numbers(one) for one in claim["measured"]],
        }
        for claim in outputs.claims(one.notebook)
    ]
    shown = {f"claim {row['claim']}:" for row in rows if not row["holds"]}
    others = [problem for problem in one.problems if not any(claim in problem.error for claim in shown)]
    return rows, [f"{path.stem}, seed {seed}: {problem}" for problem in others]


def measure_all(paths: Sequence[Path], seeds: Sequence[int], jobs: int) -> tuple[list[Row], list[str]]:
    """Every notebook from every seed, `jobs` at a time, with a line for each as it ends."""
    rows: list[Row] = []
    problems: list[str] = []
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        runs = {pool.submit(measure, path, seed): (path, seed) for path in paths for seed in seeds}
        try:
            for number, run in enumerate(as_completed(runs), start=1):
                path, seed = runs[run]
                new, wrong = run.result()
                rows += new
                problems += wrong
                held = sum(row["holds"] for row in new)
                note = ", stopped by an error" if wrong else ""
                print(
                    f"{number} of {len(runs)}: {path.stem}, seed {seed}: {held}/{len(new)} claims held{note}",
                    flush=True,
                )
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return rows, problems


def versions() -> dict[str, str]:
    """What the numbers depend on besides the seed."""
    packages = {name: version(name) for name in ("torch", "numpy")}
    return {"python": platform.python_version(), **packages, "platform": platform.platform()}


def merge(known: dict[str, Any], rows: Sequence[Row], names: Sequence[str], run: dict[str, Any]) -> dict[str, Any]:
    """What the file holds afterwards: the notebooks `names` anew, the others as they were.

    Args:
        run: command, seeds and versions of this run.
    """
    kept = [row for row in known.get("claims", []) if row["notebook"] not in names]
    runs = known.get("runs", {}) | {name: run for name in names}
    order = sorted([*kept, *rows], key=lambda row: (row["claim"], row["seed"]))
    return {"runs": dict(sorted(runs.items())), "claims": order}


def table(content: dict[str, Any]) -> list[tuple[str, ...]]:
    """Claim, statement, seeds held and smallest margin; a seed on which a claim was not reached has not held it."""
    groups: dict[tuple[int, str], list[Row]] = {}
    for row in content["claims"]:
        groups.setdefault((row["claim"], row["statement"]), []).append(row)
    lines: list[tuple[str, ...]] = []
    for (number, statement), rows in sorted(groups.items()):
        seeds = content["runs"][rows[0]["notebook"]]["seeds"]
        held = sum(all(row["holds"] for row in rows if row["seed"] == seed) for seed in {row["seed"] for row in rows})
        closest = min((one for row in rows for one in row["measured"]), key=_margin)
        margin = f"{_margin(closest):.3g} ({closest['label']})" if math.isfinite(_margin(closest)) else "not a number"
        lines.append((str(number), f"{statement} ({rows[0]['source']})", f"{held} of {len(seeds)}", margin))
    return lines


def _margin(measured: dict[str, Any]) -> float:
    """A margin as a number that sorts; a value that is no number is worst of all."""
    return -math.inf if measured["margin"] is None else measured["margin"]


def write_json(content: dict[str, Any], file: Path) -> None:
    """A line for each claim and seed, so that differences can be read."""
    runs = json.dumps(content["runs"], indent=1, ensure_ascii=False)
    rows = ",\n".join(json.dumps(row, ensure_ascii=False, allow_nan=False) for row in content["claims"])
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f'{{\n"runs": {runs},\n"claims": [\n{rows}\n]\n}}\n', encoding="utf-8")


def _numbers(measured: dict[str, Any]) -> dict[str, Any]:
    """A measurement with None for what is no finite number; the kernel sends those as text ("nan", "inf")."""

    def number(value: Any) -> float | None:
        return value if isinstance(value, int | float) and math.isfinite(value) else None

    return measured | {key: number(measured[key]) for key in ("value", "margin")}


def markdown(content: dict[str, Any]) -> str:
    """The table as README shows it, with the command that made it."""
    lines = ["| Claim | What the source says | Seeds held | Smallest margin |", "|---|---|---|---|"]
    lines += ["| " + " | ".join(text.replace("|", "\\|") for text in line) + " |" for line in table(content)]
    commands = sorted({run["command"] for run in content["runs"].values()})
    return "\n".join([*lines, "", f"Made by {' and '.join(f'`{command}`' for command in commands)}."])


def around_table(readme: Path) -> tuple[str, str]:
    """What stands in the README up to the first marker and from the second on, both included.

    Raises:
        ToolError: if the markers are not there, once each, in their order.
    """
    text = readme.read_text(encoding="utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise ToolError(f"{readme.name} needs the lines {BEGIN} and {END}, once each, around the place of the table")
    return text[: text.index(BEGIN) + len(BEGIN)], text[text.index(END) :]


def write_readme(content: dict[str, Any], readme: Path) -> None:
    """Put the table between its two markers."""
    before, after = around_table(readme)
    readme.write_text(f"{before}\n{markdown(content)}\n{after}", encoding="utf-8")


def claims(paths: Sequence[Path], seeds: Sequence[int], jobs: int, file: Path, readme: Path | None) -> int:
    """Measure, write, print; returns the exit status."""
    if readme:
        around_table(readme)  # what is wrong with it is better said before the long run than after
    rows, problems = measure_all(paths, seeds, jobs)
    command = f'make claims SEEDS="{" ".join(map(str, seeds))}"' if list(seeds) != list(SEEDS) else "make claims"
    known = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    names = [name_of(path) for path in paths]
    content = merge(known, rows, names, {"command": command, "seeds": list(seeds), "versions": versions()})
    write_json(content, file)
    print_table(HEADER, table(content))
    if readme:
        write_readme(content, readme)
    for problem in problems:
        print(f"FAILED {problem}")
    for row in rows:
        if not row["holds"]:
            worst = [one["label"] for one in row["measured"] if not one["holds"]]
            print(f"FAILED claim {row['claim']}, seed {row['seed']}: {', '.join(worst)} out of bounds")
    good = not problems and all(row["holds"] for row in rows)
    print(f"wrote {file}" if good else f"FAILED: see above; wrote {file}", flush=True)
    return 0 if good else 1


def main(arguments: list[str] | None = None) -> int:
    """Read the command line and run; returns the exit status."""
    parser = argparse.ArgumentParser(prog="tools.claims", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--notebook", default="", help="number of one notebook (all of them)")
    parser.add_argument("--seeds", default="", help="seeds, separated by blanks (100 to 109)")
    parser.add_argument("--jobs", default="2", help="notebooks that run at the same time, a thread each (2)")
    parser.add_argument("--readme", action="store_true", help="also write the table into README.md")
    parser.add_argument("--folder", type=Path, default=PART, help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, default=FILE, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)

    def act() -> int:
        if not options.jobs.isdecimal() or int(options.jobs) == 0:
            raise UsageError(f"JOBS={options.jobs!r} is not a number of processes; give 1 or more")
        paths, seeds = select(options.folder, options.notebook), read_seeds(options.seeds)
        return claims(paths, seeds, int(options.jobs), options.file, README if options.readme else None)

    return exit_status(act)


if __name__ == "__main__":
    sys.exit(main())
