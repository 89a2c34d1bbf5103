"""Prove the learner's tests: every wrong answer is caught, with its diagnosis; no right one is refused.

python -m tests.bank                          20 seeds of each wrong answer, 200 of each right one
python -m tests.bank --wrong 2 --right 5 --only forward
"""

import argparse
import io
import multiprocessing
import time
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median

import torch as t
from part31_superposition_and_saes.tests import REGISTRY

from . import Entry, answers


@dataclass
class Tally:
    """What the runs of one answer gave; `message` is that of seed 0, `surprises` has one for each other diagnosis."""

    entry: str
    exercise: str
    is_right: bool
    runs: int = 0
    passed: int = 0
    diagnosed: int = 0
    seconds: list[float] = field(default_factory=list)
    surprises: dict[str, str] = field(default_factory=dict)
    message: str = ""


def prove(index: int, n_wrong: int, n_right: int) -> Tally:
    """Run one answer of the bank on its seeds."""
    t.set_num_threads(1)
    entry: Entry = answers()[index]
    test = next(one for one in REGISTRY.values() if one.exercise == entry.exercise)
    tally = Tally(str(entry), entry.exercise, entry.diagnosis is None)
    for seed in range(n_right if tally.is_right else n_wrong):
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            outcome = test.judge(entry.answer, seed)
        tally.message = tally.message or outcome.message
        tally.runs += 1
        tally.passed += outcome.passed
        tally.diagnosed += outcome.diagnosis == entry.diagnosis
        tally.seconds.append(outcome.seconds)
        if outcome.diagnosis != (entry.diagnosis or "passed"):
            tally.surprises[outcome.diagnosis] = outcome.message
    return tally


def table(tallies: list[Tally]) -> str:
    """One line an exercise: answers and runs, the share that ended as it should, and the time a test takes."""
    head = f"{'exercise':32}{'wrong':>6}{'caught':>15}{'diagnosed':>15}{'right':>7}{'refused':>12}{'ms median':>11}"
    head += f"{'max':>6}"
    lines = [head]
    for exercise in [*dict.fromkeys(tally.exercise for tally in tallies), "all"]:
        own = [tally for tally in tallies if exercise in (tally.exercise, "all")]
        wrong, right = ([tally for tally in own if tally.is_right is kind] for kind in (False, True))
        runs, right_runs = sum(one.runs for one in wrong), sum(one.runs for one in right)
        caught = runs - sum(one.passed for one in wrong)
        diagnosed = sum(one.diagnosed for one in wrong)
        refused = right_runs - sum(one.passed for one in right)
        seconds = [second for one in own for second in one.seconds]
        lines.append(
            f"{exercise:32}{len(wrong):>6}{f'{caught}/{runs}':>15}{f'{diagnosed}/{runs}':>15}"
            f"{len(right):>7}{f'{refused}/{right_runs}':>12}{1e3 * median(seconds):>11.0f}{1e3 * max(seconds):>6.0f}"
        )
    return "\n".join(lines)


def page(tallies: list[Tally]) -> str:
    """What every learner would read, in Markdown: each wrong answer with its message, for a person to go through."""
    lines = ["# What each wrong answer is told"]
    for exercise in dict.fromkeys(tally.exercise for tally in tallies):
        lines += ["", f"## {exercise}"]
        for tally in tallies:
            if tally.exercise == exercise and not tally.is_right:
                lines += ["", f"**{tally.entry.split('-wrong-', 1)[1]}**", "```text", tally.message, "```"]
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bank", description="Prove the learner's tests.")
    parser.add_argument("--wrong", type=int, default=20, help="seeds of each wrong answer (20)")
    parser.add_argument("--right", type=int, default=200, help="seeds of each right answer (200)")
    parser.add_argument("--only", default="", help="answers whose name holds this text")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--page", type=Path, help="file to write all messages to, as Markdown")
    options = parser.parse_args()

    chosen = [i for i, entry in enumerate(answers()) if options.only in str(entry)]
    start = time.perf_counter()
    with multiprocessing.get_context("spawn").Pool(options.processes) as pool:
        work = partial(prove, n_wrong=options.wrong, n_right=options.right)
        tallies = pool.map(work, chosen, chunksize=4)
    for tally in tallies:
        for diagnosis, message in tally.surprises.items():
            print(f"{tally.entry}: {diagnosis}\n{message}\n")
    if options.page:
        options.page.parent.mkdir(parents=True, exist_ok=True)
        options.page.write_text(page(tallies), encoding="utf-8")
        print(f"wrote {options.page}: what every wrong answer is told")
    print(table(tallies))
    print(f"{sum(tally.runs for tally in tallies)} tests in {time.perf_counter() - start:.0f} s")
    return 1 if any(tally.surprises for tally in tallies) else 0
