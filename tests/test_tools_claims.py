"""What `make claims` collects, keeps and shows."""

import json
from pathlib import Path
from typing import Any

import pytest

from tools import claims
from tools.console import ToolError, UsageError

from .small_notebooks import claim, code, write

SEED = "int(__import__('os').environ['PART31_SEED'])"


def row(
    notebook: str = "1_a", number: int = 1, seed: int = 100, *margins: float | None, text: str = "one"
) -> dict[str, Any]:
    """A row of the file; it holds where all margins are positive."""
    good = [margin is not None and margin > 0 for margin in margins]
    measured = [
        {"label": f"m{i}", "margin": margin, "holds": holds}
        for i, (margin, holds) in enumerate(zip(margins, good, strict=True))
    ]
    facts = {"statement": text, "source": "TMS", "holds": all(good), "measured": measured}
    return {"notebook": notebook, "claim": number, "seed": seed} | facts


def content(rows: list[dict[str, Any]], seeds: list[int], **others: list[int]) -> dict[str, Any]:
    runs = {name: {"command": "make claims", "seeds": these} for name, these in ({"1_a": seeds} | others).items()}
    return {"runs": runs, "claims": rows}


@pytest.mark.xdist_group("run")
def test_claims_are_collected_over_seeds_also_where_they_fail(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    environment = "import os\nassert os.environ['OMP_NUM_THREADS'] == '1'\nassert os.environ['PART31_SEED'] != '3'"
    first, second = claim(1, f"1 + 0.005 * ({SEED} - 1)"), claim(2, "float('nan')")
    write(tmp_path / "1_a_solutions.ipynb", first, code(environment), second)
    file = tmp_path / "data" / "claims.json"
    places = ["--folder", str(tmp_path), "--file", str(file)]
    assert claims.main(["--seeds", "1, 2 3", "--jobs", "2", *places]) == 1
    out = capsys.readouterr().out
    assert "FAILED 1_a_solutions, seed 3: cell 2 (import os): AssertionError" in out
    assert "FAILED claim 2, seed 1: norm out of bounds" in out
    assert "FAILED claim 1" not in out
    known = json.loads(file.read_text())
    assert [(one["claim"], one["seed"], one["holds"]) for one in known["claims"]] == [
        (1, 1, True), (1, 2, True), (1, 3, True), (2, 1, False), (2, 2, False),
    ]  # fmt: skip
    (measured,) = known["claims"][1]["measured"]
    margin = measured.pop("margin")
    assert measured == {"label": "norm", "value": 1.005, "at_least": 0.98, "at_most": 1.02, "holds": True}
    assert margin == pytest.approx(0.015)
    assert known["claims"][-1]["measured"][0]["value"] is None
    assert known["runs"]["1_a"]["command"] == 'make claims SEEDS="1 2 3"'
    assert sorted(known["runs"]["1_a"]["versions"]) == ["numpy", "platform", "python", "torch"]
    table = [line.split()[-4:] for line in out.splitlines() if line[:2] in ("1 ", "2 ") and "norms are 1" in line]
    assert table == [["of", "3", "0.01", "(norm)"], ["3", "not", "a", "number"]]


def test_the_table_counts_a_seed_that_did_not_reach_the_claim_as_not_held() -> None:
    rows = [row("1_a", 1, 100, 0.5, 0.2), row("1_a", 1, 101, 0.1, 0.3), row("1_a", 2, 100, -0.1)]
    assert claims.table(content(rows, [100, 101, 102])) == [
        ("1", "one (TMS)", "2 of 3", "0.1 (m0)"),
        ("2", "one (TMS)", "0 of 3", "-0.1 (m0)"),
    ]


def test_a_claim_that_two_calls_check_holds_where_both_do() -> None:
    rows = [row("1_a", 1, 100, 0.5), row("1_a", 1, 100, -0.5), row("1_a", 1, 101, 0.5), row("1_a", 1, 101, 0.4)]
    assert [line[2] for line in claims.table(content(rows, [100, 101]))] == ["1 of 2"]


def test_notebooks_that_did_not_run_keep_their_rows_and_their_run() -> None:
    known = content([row("1_a"), row("2_b", 9), row("1_a", 2)], [100], **{"2_b": [5]})
    merged = claims.merge(known, [row("1_a", 3, 7)], ["1_a"], {"command": "new", "seeds": [7]})
    assert [(one["notebook"], one["claim"]) for one in merged["claims"]] == [("1_a", 3), ("2_b", 9)]
    assert merged["runs"] == {"1_a": {"command": "new", "seeds": [7]}, "2_b": {"command": "make claims", "seeds": [5]}}


def test_the_table_goes_between_the_markers_of_the_readme_and_nowhere_else(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{claims.BEGIN}\nold\n{claims.END}\nafter\n")
    for _ in range(2):  # twice gives the same
        claims.write_readme(content([row("1_a", 1, 100, 0.5, text="a | b")], [100]), readme)
        assert readme.read_text() == (
            f"before\n{claims.BEGIN}\n"
            "| Claim | What the source says | Seeds held | Smallest margin |\n|---|---|---|---|\n"
            "| 1 | a \\| b (TMS) | 1 of 1 | 0.5 (m0) |\n\nMade by `make claims`.\n"
            f"{claims.END}\nafter\n"
        )
    for text in ("nothing", claims.BEGIN, f"{claims.END}{claims.BEGIN}", f"{claims.BEGIN}{claims.END}{claims.END}"):
        readme.write_text(text)
        with pytest.raises(ToolError, match="README.md needs the lines"):
            claims.write_readme(content([], [100]), readme)
        with pytest.raises(ToolError, match="README.md needs the lines"):  # before anything runs
            claims.claims([Path("no such notebook")], [100], 1, tmp_path / "claims.json", readme)


def test_the_file_has_a_line_for_each_row(tmp_path: Path) -> None:
    written = content([row(), row("1_a", 1, 101, None, 0.5)], [100])
    claims.write_json(written, tmp_path / "claims.json")
    text = (tmp_path / "claims.json").read_text()
    assert json.loads(text) == written
    assert sum('"claim": 1' in line for line in text.splitlines()) == 2


def test_seeds_from_the_command_line() -> None:
    assert claims.read_seeds("") == list(range(100, 110))
    assert claims.read_seeds("7 3,3") == [3, 7]
    with pytest.raises(UsageError, match="SEED='x'"):
        claims.read_seeds("1 x")


@pytest.mark.parametrize("jobs", ["0", "two", "-1", ""])
def test_jobs_that_are_no_number_are_named(jobs: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert claims.main([f"--jobs={jobs}", "--folder", str(tmp_path)]) == 2
    assert f"JOBS={jobs!r} is not a number of processes" in capsys.readouterr().err
