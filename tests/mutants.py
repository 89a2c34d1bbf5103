"""Does each learner's test notice when one thing in our own answer is changed? `python -m tests.mutants`

A mutation tool makes every small change it knows (an operator, a comparison, a number, a condition) to the solution of
each exercise, one at a time, and the test of that exercise judges what comes out. A change that it lets through is a
survivor: either the test has a hole, or the changed answer is as right as ours. Those are listed in `EQUIVALENT`, each
with its reason; any other fails the run.
"""

import argparse
import io
import multiprocessing
import sys
import types
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import torch as t
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names
from part31_superposition_and_saes.tests import REGISTRY, LearnerTest

from tests.equivalent_mutants import EQUIVALENT
from tools.paths import NOTEBOOKS, SECTIONS
from tools.source import BEGIN, END, read_section

SEEDS = range(2)  # of the test; one that kills is enough
# These rename variables at random, so that no run is like another.
LEFT_OUT = ("core/VariableReplacer", "core/VariableInserter")


@dataclass(frozen=True)
class Mutant:
    """One change to the solution of an exercise.

    Attributes:
        exercise: whose solution is changed.
        section: stem of the file that it stands in.
        operator: of the mutation tool.
        occurrence: the operator's how-manieth place in the file.
        line: number of the changed line, from 1.
    """

    exercise: str
    section: str
    operator: str
    occurrence: int
    line: int


@cache
def source(section: str) -> str:
    return (SECTIONS / f"{section}.py").read_text(encoding="utf-8")


def solution_lines(section: str) -> dict[int, str]:
    """The exercise that each line between a BEGIN and an END belongs to."""
    names = iter([name for cell in read_section(SECTIONS / f"{section}.py") for name in cell.exercises])
    found, inside = {}, ""
    for number, line in enumerate(source(section).splitlines(), start=1):
        if line.strip() == BEGIN:
            inside = next(names)
        elif line.strip() == END:
            inside = ""
        elif inside:
            found[number] = inside
    return found


@cache
def mutants(section: str) -> tuple[Mutant, ...]:
    """Every change to a solution of this section."""
    return tuple(_mutants(section))


def _mutants(section: str) -> Iterator[Mutant]:
    lines = solution_lines(section)
    nodes = list(ast_nodes(get_ast(source(section)))) if lines else []
    for name in sorted(set(operator_names()) - set(LEFT_OUT)):
        operator = get_operator(name)()
        places = [place for node in nodes for place in operator.mutation_positions(node)]
        for occurrence, (start, _) in enumerate(places):
            if start[0] in lines:
                yield Mutant(lines[start[0]], section, name, occurrence, start[0])


@cache
def test_of(exercise: str) -> LearnerTest:
    return next(test for test in REGISTRY.values() if test.exercise == exercise)


def changed_line(mutant: Mutant, code: str) -> str:
    """The line as the mutant has it, with what it was."""
    before, after = source(mutant.section).splitlines(), code.splitlines()
    return f"{before[mutant.line - 1].strip()}  ->  {after[mutant.line - 1].strip()}"


def survives(mutant: Mutant) -> str | None:
    """The changed line, if the exercise's test lets it pass on all seeds."""
    t.set_num_threads(1)
    code = mutate_code(source(mutant.section), get_operator(mutant.operator)(), mutant.occurrence)
    name = "mutated_section"
    module = sys.modules[name] = types.ModuleType(name)
    test = test_of(mutant.exercise)
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            exec(compile(code, str(Path(mutant.section)), "exec"), module.__dict__)
            passed = all(test.judge(getattr(module, test.takes), seed).passed for seed in SEEDS)
    except Exception:  # it cannot even be defined
        passed = False
    finally:
        del sys.modules[name]
    return changed_line(mutant, code) if passed else None


def report(tried: list[Mutant], survivors: dict[Mutant, str]) -> int:
    """Print what survived, and a line an exercise; returns the number of survivors that have no reason."""
    known = {mutant: EQUIVALENT.get((mutant.exercise, line)) for mutant, line in survivors.items()}
    for mutant, line in survivors.items():
        print(f"{mutant.exercise}, line {mutant.line} of {mutant.section}.py: {line}")
        print(f"    {known[mutant] or 'SURVIVED: the test does not notice'}")
    print(f"\n{'exercise':32}{'mutants':>9}{'killed':>9}{'equivalent':>12}{'survived':>10}")
    for exercise in [*dict.fromkeys(mutant.exercise for mutant in tried), "all"]:
        own = [mutant for mutant in tried if exercise in (mutant.exercise, "all")]
        left = [mutant for mutant in own if mutant in survivors]
        equivalent = sum(known[mutant] is not None for mutant in left)
        print(f"{exercise:32}{len(own):>9}{len(own) - len(left):>9}{equivalent:>12}{len(left) - equivalent:>10}")
    return sum(reason is None for reason in known.values())


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description="Mutate the reference answers.")
    parser.add_argument("--only", default="", help="exercises whose name holds this text")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    sections = [stem for stems in NOTEBOOKS.values() for stem in stems]
    tried = [mutant for stem in sections for mutant in mutants(stem) if options.only in mutant.exercise]
    with multiprocessing.get_context("spawn").Pool(options.processes) as pool:
        lines = pool.map(partial(survives), tried, chunksize=8)
    survivors = {mutant: line for mutant, line in zip(tried, lines, strict=True) if line is not None}
    return 1 if report(tried, survivors) else 0


if __name__ == "__main__":
    sys.exit(main())
