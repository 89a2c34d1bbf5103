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
import textwrap
import types
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cache

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
class Solution:
    """The lines between a BEGIN and an END in a section's source.

    Attributes:
        exercise: whose solution it is.
        section: stem of the file.
        line: number of its first line, from 1.
        code: the lines, without the indentation that they share.
    """

    exercise: str
    section: str
    line: int
    code: str

    def spliced(self, code: str) -> str:
        """The whole file with `code` in place of this solution."""
        lines = source(self.section).split("\n")
        old = lines[self.line - 1 : self.line - 1 + len(self.code.split("\n"))]
        indent = next(len(line) - len(line.lstrip()) for line in old if line.strip())
        lines[self.line - 1 : self.line - 1 + len(old)] = textwrap.indent(code, " " * indent).split("\n")
        return "\n".join(lines)


@dataclass(frozen=True)
class Mutant:
    """One change to a solution: the operator of the mutation tool, and its how-manieth place in the solution."""

    solution: Solution
    operator: str
    occurrence: int

    @property
    def exercise(self) -> str:
        return self.solution.exercise

    def code(self) -> str:
        """The solution as changed."""
        return str(mutate_code(self.solution.code, get_operator(self.operator)(), self.occurrence))

    def change(self) -> str:
        """The changed line: "as it was  ->  as it is"."""
        pairs = zip(self.solution.code.splitlines(), self.code().splitlines(), strict=False)
        before, after = next(pair for pair in pairs if pair[0] != pair[1])
        return f"{before.strip()}  ->  {after.strip()}"


@cache
def source(section: str) -> str:
    return (SECTIONS / f"{section}.py").read_text(encoding="utf-8")


def solutions(section: str) -> Iterator[Solution]:
    """Every solution of a section, in its order."""
    names = iter([name for cell in read_section(SECTIONS / f"{section}.py") for name in cell.exercises])
    lines = source(section).split("\n")
    begins, ends = ([i for i, line in enumerate(lines) if line.strip() == mark] for mark in (BEGIN, END))
    for begin, end in zip(begins, ends, strict=True):
        yield Solution(next(names), section, begin + 2, textwrap.dedent("\n".join(lines[begin + 1 : end])))


def mutants(section: str) -> Iterator[Mutant]:
    """Every change to a solution of this section."""
    for solution in solutions(section):
        nodes = list(ast_nodes(get_ast(solution.code)))
        for name in sorted(set(operator_names()) - set(LEFT_OUT)):
            operator = get_operator(name)()
            for occurrence in range(sum(len(list(operator.mutation_positions(node))) for node in nodes)):
                yield Mutant(solution, name, occurrence)


@cache
def test_of(exercise: str) -> LearnerTest:
    return next(test for test in REGISTRY.values() if test.exercise == exercise)


def survives(mutant: Mutant) -> bool:
    """Whether the exercise's test lets it pass on all seeds."""
    t.set_num_threads(1)
    name = "mutated_section"
    module = sys.modules[name] = types.ModuleType(name)
    test = test_of(mutant.exercise)
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            code = mutant.solution.spliced(mutant.code())
            exec(compile(code, mutant.solution.section, "exec"), module.__dict__)
            return all(test.judge(getattr(module, test.takes), seed).passed for seed in SEEDS)
    except Exception:  # it cannot even be defined
        return False
    finally:
        del sys.modules[name]


def report(tried: list[Mutant], survivors: list[Mutant]) -> int:
    """Print what survived, and a line an exercise; returns the number of survivors that have no reason."""
    known = {mutant: EQUIVALENT.get((mutant.exercise, mutant.change())) for mutant in survivors}
    for mutant, reason in known.items():
        print(f"{mutant.exercise}, {mutant.solution.section}.py from line {mutant.solution.line}: {mutant.change()}")
        print(f"    {reason or 'SURVIVED: the test does not notice'}")
    print(f"\n{'exercise':32}{'mutants':>9}{'killed':>9}{'equivalent':>12}{'survived':>10}")
    for exercise in [*dict.fromkeys(mutant.exercise for mutant in tried), "all"]:
        own = [mutant for mutant in tried if exercise in (mutant.exercise, "all")]
        left = [known[mutant] for mutant in own if mutant in known]
        unexplained = left.count(None)
        equivalent = len(left) - unexplained
        print(f"{exercise:32}{len(own):>9}{len(own) - len(left):>9}{equivalent:>12}{unexplained:>10}")
    return list(known.values()).count(None)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description="Mutate the reference answers.")
    parser.add_argument("--only", default="", help="exercises whose name holds this text")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    sections = [stem for stems in NOTEBOOKS.values() for stem in stems]
    tried = [mutant for stem in sections for mutant in mutants(stem) if options.only in mutant.exercise]
    with multiprocessing.get_context("spawn").Pool(options.processes) as pool:
        alive = pool.map(survives, tried, chunksize=8)
    return 1 if report(tried, [mutant for mutant, lives in zip(tried, alive, strict=True) if lives]) else 0


if __name__ == "__main__":
    sys.exit(main())
