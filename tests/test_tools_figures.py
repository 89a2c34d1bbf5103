"""What `make figures` writes, keeps, removes and refuses."""

import io
import json
from pathlib import Path

import nbformat
import pytest
from PIL import Image

from tools import figures, outputs, pictures, run

from .small_notebooks import ALT, browser, code, figure, write

__all__ = ["browser"]

MIME = outputs.PLOTLY_MIME


def executed(path: Path, *cells: tuple[str, list[dict[str, object]]]) -> Path:
    """A notebook and its executed twin in build/, each cell with the name and the plotly specs that it shows."""
    made = []
    for name, specs in cells:
        cell = code(f"draw({name!r})", figure=name)
        cell.outputs = [nbformat.v4.new_output("display_data", {MIME: spec}) for spec in specs]
        made.append(cell)
    (path.parent / "build").mkdir(exist_ok=True)
    twin = write(path.parent / "build" / path.name, *made)
    notebook = nbformat.read(twin, as_version=4)
    notebook.metadata["part31_run"] = {"seed": 0, "status": "ok", "seconds": 1.0}
    nbformat.write(notebook, twin)
    for cell in made:
        cell.outputs = []
    return write(path, *made)


def bars(alt: str = "bars", width: int = 500) -> dict[str, object]:
    return {"data": [{"type": "bar", "y": [1, 2]}], "layout": {"width": width, "meta": {"alt": alt}}}


def draw(folder: Path, *more: str) -> int:
    places = ["--folder", str(folder), "--build", str(folder / "build"), "--expected", str(folder / "expected")]
    return figures.main(["--from-build", *places, *more])


def alts(folder: Path) -> dict[str, str]:
    return json.loads((folder / "expected" / "alt.json").read_text())


def test_the_last_figure_of_every_named_cell_is_written_with_its_alt_text(tmp_path: Path, browser: str) -> None:
    executed(tmp_path / "1_a_solutions.ipynb", ("b", [bars("first"), bars("ä < b", 1600)]), ("a", [bars()]), ("", [{}]))
    assert draw(tmp_path) == 0
    assert (tmp_path / "expected" / "alt.json").read_text() == '{\n "a": "bars",\n "b": "ä < b"\n}\n'
    sizes = {path.stem: Image.open(path).width for path in (tmp_path / "expected").glob("*.png")}
    assert sizes == {"a": 500, "b": figures.WIDTH}


def test_figures_of_other_notebooks_stay_and_figures_of_none_go(tmp_path: Path, browser: str) -> None:
    executed(tmp_path / "1_a_solutions.ipynb", ("a", [bars("a")]))
    executed(tmp_path / "2_b_solutions.ipynb", ("b", [bars("b")]))
    assert draw(tmp_path) == 0
    (tmp_path / "expected" / "gone.png").write_bytes(b"")
    (tmp_path / "expected" / "alt.json").write_text('{"b": "b", "gone": "gone"}')
    before = (tmp_path / "expected" / "b.png").stat().st_mtime_ns
    assert draw(tmp_path, "--notebook", "1") == 0
    assert alts(tmp_path) == {"a": "a", "b": "b"}
    assert sorted(path.name for path in (tmp_path / "expected").glob("*.png")) == ["a.png", "b.png"]
    assert (tmp_path / "expected" / "b.png").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ([("a", [])], "the cell of figure 'a' shows no plotly figure"),
        ([("a", [bars("")])], "figure 'a' has no alt text"),
        ([("a", [bars()]), ("a", [bars()])], "more than one cell draws figure a"),
    ],
)
def test_what_is_wrong_with_a_figure_is_named(
    tmp_path: Path, cells: list, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    executed(tmp_path / "1_a_solutions.ipynb", *cells)
    assert draw(tmp_path) == 1
    assert words in capsys.readouterr().err


def test_executed_notebooks_that_are_missing_stale_failed_or_of_another_seed_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = executed(tmp_path / "1_a_solutions.ipynb", ("a", [bars()]))
    twin = tmp_path / "build" / path.name
    for change in ({"seed": 7}, {"status": "failed"}):
        notebook = nbformat.read(twin, as_version=4)
        notebook.metadata["part31_run"] = {"seed": 0, "status": "ok", "seconds": 1.0} | change
        nbformat.write(notebook, twin)
        assert draw(tmp_path) == 1
        assert "failed or ran from another seed" in capsys.readouterr().err
    executed(path, ("a", [bars()]))
    write(path, code("draw('b')", figure="a"))
    assert draw(tmp_path) == 1
    assert "was made from another version of 1_a_solutions.ipynb" in capsys.readouterr().err
    twin.unlink()
    assert draw(tmp_path) == 1
    assert "does not exist; run `make run` first" in capsys.readouterr().err


def test_a_figure_that_does_not_fit_is_named(
    tmp_path: Path, browser: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    executed(tmp_path / "1_a_solutions.ipynb", ("a", [bars()]))
    monkeypatch.setattr(figures, "MOST", 500)
    assert draw(tmp_path) == 1
    assert "figure 'a' does not fit into 500 bytes" in capsys.readouterr().err


def test_pictures_shrink_by_their_palette_first_and_stay_whole() -> None:
    noise = Image.effect_noise((200, 100), 80).convert("RGB")
    target = io.BytesIO()
    noise.save(target, "PNG")
    whole = pictures.shrink(target.getvalue(), 10**6)
    assert whole and Image.open(io.BytesIO(whole)).size == (200, 100)
    less = pictures.shrink(target.getvalue(), len(whole) - 1)
    assert less and len(less) < len(whole) and Image.open(io.BytesIO(less)).size == (200, 100)
    small = pictures.shrink(target.getvalue(), 9000)
    assert small and len(small) <= 9000 and Image.open(io.BytesIO(small)).size in [(175, 88), (150, 75)]
    assert pictures.shrink(target.getvalue(), 1000) is None


def test_colours_survive_the_palette() -> None:
    image = Image.new("RGB", (80, 40), "#fbfaf7")
    image.paste("#d66d26", (0, 0, 40, 40))
    target = io.BytesIO()
    image.save(target, "PNG")
    small = pictures.shrink(target.getvalue(), 40_000)
    assert small is not None
    after = Image.open(io.BytesIO(small)).convert("RGB")
    assert (after.getpixel((10, 10)), after.getpixel((70, 10))) == ((0xD6, 0x6D, 0x26), (0xFB, 0xFA, 0xF7))


@pytest.mark.xdist_group("run")
def test_notebooks_are_executed_where_nothing_else_is_said(tmp_path: Path, browser: str) -> None:
    write(tmp_path / "1_a_solutions.ipynb", figure("bars"))
    assert figures.main(["--folder", str(tmp_path), "--expected", str(tmp_path / "expected")]) == 0
    assert alts(tmp_path) == {"bars": ALT["alt"]}
    assert (tmp_path / "expected" / "bars.png").stat().st_size < figures.MOST


def test_what_run_writes_is_what_figures_reads(tmp_path: Path) -> None:
    path = executed(tmp_path / "1_a_solutions.ipynb", ("a", [bars()]))
    notebook = nbformat.read(tmp_path / "build" / path.name, as_version=4)
    run.write(run.Execution(path.name, notebook, 3.0, 1), 0, tmp_path / "build")
    assert figures.executed(path, tmp_path / "build").cells[0].outputs
