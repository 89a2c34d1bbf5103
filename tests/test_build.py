"""What the build makes of a section, and that the committed notebooks are what it makes."""

import base64
import json
from pathlib import Path

import nbformat
import pytest

from tools import build, paths, source

MINIMAL = '''# %% [markdown]
# # A section

# %% exercises=["double"]
def double(x: float) -> float:
    """Twice x."""
    factor = 2
    ### BEGIN SOLUTION
    return factor * x
    ### END SOLUTION

# %% [markdown] exercise="double"
# ## Exercise: `double`

# %% exercise="double" role="test"
if MAIN:
    tests.test_double(double)

# %% [markdown] exercise="double" role="hint"
# Add x to itself.

# %% [markdown] exercise="double" role="hint"
# Or multiply.

# %% [markdown] exercise="double" role="solution"
# A product is shorter.

# %% figure="line"
if MAIN:
    draw(double(1))

# %% [markdown] figure="line" role="see"
# A line.

# %% tags=["claim"]
if MAIN:
    utils.claim(1, "", [], "")

# %% [markdown] role="answer"
# It is so.
'''


@pytest.fixture
def section(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "s9_small.py"
    path.write_text(MINIMAL)
    (tmp_path / "line.png").write_bytes(b"picture")
    (tmp_path / "alt.json").write_text(json.dumps({"line": 'a line from "0" to 1'}))
    monkeypatch.setattr(build, "SECTIONS", tmp_path)
    monkeypatch.setattr(build, "EXPECTED", tmp_path)
    monkeypatch.setattr(build, "ALT_TEXTS", tmp_path / "alt.json")
    monkeypatch.setattr(build, "NOTEBOOKS", {"9_small": ("s9_small",)})
    return path


def cells(kind: str) -> list[tuple[str, str]]:
    notebook = nbformat.reads(build.build("9_small", kind).decode(), as_version=4)
    return [(cell.id, cell.source) for cell in notebook.cells]


def test_the_stub_keeps_what_is_given_and_names_the_exercise(section: Path) -> None:
    stub = dict(cells("exercises"))["double-stub"]
    assert stub.endswith('    factor = 2\n    raise NotImplementedError("double")')


def test_no_solution_stands_outside_its_fold(section: Path) -> None:
    for _, text in cells("exercises"):
        if "return factor * x" in text:
            assert text.startswith("<details>\n<summary>Solution</summary>") and text.endswith("</details>")
            assert "def double(x: float) -> float:\n    factor = 2\n    return factor * x\n```" in text
            assert "A product is shorter." in text
    assert sum("return factor * x" in text for _, text in cells("exercises")) == 1


def test_hints_are_numbered_and_folded_and_left_out_of_the_solutions(section: Path) -> None:
    folded = [text for _, text in cells("exercises") if "<summary>Hint" in text]
    assert [text.splitlines()[1] for text in folded] == ["<summary>Hint 1</summary>", "<summary>Hint 2</summary>"]
    assert not any("Add x to itself" in text for _, text in cells("solutions"))


def test_experiments_are_dedented_and_claims_stand_in_the_solutions_only(section: Path) -> None:
    assert "draw(double(1))" in [text for _, text in cells("exercises")]
    assert not any("utils.claim" in text for _, text in cells("exercises"))
    claim = nbformat.reads(build.build("9_small", "solutions").decode(), as_version=4).cells[-2]
    assert (claim.source, claim.metadata["tags"]) == ('utils.claim(1, "", [], "")', ["claim"])


def test_the_expected_figure_is_embedded_with_its_alt_text(section: Path) -> None:
    (text,) = [text for _, text in cells("exercises") if "What you should see" in text]
    assert base64.b64encode(b"picture").decode() in text
    assert 'alt="a line from &quot;0&quot; to 1"' in text


def test_the_first_code_cell_is_the_set_up_cell_and_the_second_sets_the_device(section: Path) -> None:
    for kind in build.KINDS:
        notebook = nbformat.reads(build.build("9_small", kind).decode(), as_version=4)
        first, second = [cell.source for cell in notebook.cells if cell.cell_type == "code"][:2]
        assert first == build.SETUP
        assert second.startswith("device = utils.device")
        assert ("continue_past_unsolved" in second) == (kind == "exercises")


def test_building_twice_gives_the_same_bytes(section: Path) -> None:
    assert build.build("9_small", "exercises") == build.build("9_small", "exercises")


def test_ids_of_an_exercise_do_not_move_when_cells_come_before_it(section: Path) -> None:
    before = {name for name, _ in cells("exercises") if name.startswith("double-")}
    section.write_text(MINIMAL.replace("# # A section", "# # A section\n\n# %% [markdown]\n# New."))
    assert {name for name, _ in cells("exercises") if name.startswith("double-")} == before
    assert "double-test" in before


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("    ### END SOLUTION\n", "", "BEGIN SOLUTION without"),
        ("    ### BEGIN SOLUTION\n", "", "END SOLUTION without"),
        ('exercises=["double"]', 'exercises=["double", "triple"]', "1 solutions for 2 exercises"),
        ('exercise="double" role="test"', 'role="test"', "'double' has no test cell"),
        ('# %% [markdown] exercise="double"\n', "# %% [markdown]\n", "'double' has no heading cell"),
        ('role="see"', 'role="sea"', "unknown role 'sea'"),
        ('figure="line" role="see"', 'role="see"', "figure 'line' is drawn by 1 cells and explained by 0"),
        ('tags=["claim"]', 'colour="red"', "unknown keys in the header: colour"),
        ("if MAIN:\n    draw", "if True:\n    draw", "must stand under `if MAIN:`"),
    ],
)
def test_a_broken_rule_is_named_with_file_and_cell(section: Path, old: str, new: str, words: str) -> None:
    assert old in MINIMAL
    section.write_text(MINIMAL.replace(old, new))
    with pytest.raises(source.SourceError, match="s9_small.py") as caught:
        build.build("9_small", "exercises")
    assert words in str(caught.value)


def test_a_notebook_over_the_limit_is_refused(section: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "MAX_BYTES", 1000)
    with pytest.raises(source.SourceError, match="9_small_exercises.ipynb has"):
        build.build("9_small", "exercises")


def test_a_notebook_edited_by_hand_is_named_with_its_cell(section: Path, tmp_path: Path) -> None:
    wanted = build.build("9_small", "exercises")
    path = tmp_path / "9_small_exercises.ipynb"
    assert "is missing" in str(build.difference(path, wanted))
    path.write_bytes(wanted)
    assert build.difference(path, wanted) is None
    edited = nbformat.reads(wanted.decode(), as_version=4)
    edited.cells[4].source = "x = 1"
    nbformat.write(edited, path)
    assert "9_small_exercises.ipynb, cell 5 ('x = 1') differs" in str(build.difference(path, wanted))
    edited = nbformat.reads(wanted.decode(), as_version=4)
    edited.cells[2].outputs = [nbformat.v4.new_output("stream", text="hello")]
    nbformat.write(edited, path)
    assert "cell 3 ('import sys') has outputs" in str(build.difference(path, wanted))
    path.write_text("nothing")
    assert "not a notebook any more" in str(build.difference(path, wanted))


@pytest.mark.parametrize("name", paths.NOTEBOOKS)
@pytest.mark.parametrize("kind", build.KINDS)
def test_the_committed_notebook_is_what_its_section_gives(name: str, kind: str) -> None:
    problem = build.difference(paths.PART / f"{name}_{kind}.ipynb", build.build(name, kind))
    assert not problem, problem


def test_every_figure_of_every_section_has_its_expected_picture() -> None:
    alts = json.loads(paths.ALT_TEXTS.read_text(encoding="utf-8"))
    for sections in paths.NOTEBOOKS.values():
        for stem in sections:
            for cell in source.read_section(paths.SECTIONS / f"{stem}.py"):
                if cell.figure:
                    assert (paths.EXPECTED / f"{cell.figure}.png").stat().st_size <= 40_000
                    assert alts[cell.figure].strip()


def test_every_section_file_is_part_of_a_notebook() -> None:
    used = {stem for sections in paths.NOTEBOOKS.values() for stem in sections}
    assert used == {path.stem for path in paths.SECTIONS.glob("s[0-9]*.py")}
