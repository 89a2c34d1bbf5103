"""The training animation: what the file holds, and that it plays in a browser, from disk and as a notebook shows it."""

import asyncio
import json
import logging
import re
from pathlib import Path
from typing import Any

import pytest
import torch as t
from choreographer.browser_async import Browser
from part31_superposition_and_saes.figures import animation
from part31_superposition_and_saes.figures.animation import FRESH_FOR, animate_features_in_2d

from tests.small_notebooks import browser  # noqa: F401  a fixture

ROWS = ["W_enc", "W_dec_normalized", "h_r"]


def make_log(frames: int = 12, inst: int = 3, d_sae: int = 5, rows: int = 30) -> list[dict[str, Any]]:
    generator = t.Generator().manual_seed(0)

    def normal(*shape: int) -> t.Tensor:
        return t.randn(shape, generator=generator)

    features, h = normal(inst, 2, 5), normal(rows, inst, 2)
    h[10:, 0] = 0
    log = []
    for frame in range(frames):
        resampled = t.zeros(inst, d_sae, dtype=t.bool)
        resampled[1, -3 % d_sae] = frame == 4
        frac_active = t.full((inst, d_sae), 0.02)
        frac_active[0, 1] = 0
        log.append({
            "steps": 50 * frame, "frac_active": frac_active, "resampled": resampled, "loss": t.rand(inst) + 1,
            "h": h, "h_r": normal(rows, inst, 2), "W_enc": normal(inst, 2, d_sae),
            "W_dec_normalized": normal(inst, d_sae, 2), "features": features,
        })  # fmt: skip
    return log


def data_of(page: str) -> dict[str, Any]:
    found = re.search(r"^const DATA = (.*);$", page, re.MULTILINE)
    assert found
    return json.loads(found[1])  # type: ignore[no-any-return]


def test_the_file_holds_what_the_log_tells(tmp_path: Path) -> None:
    log = make_log()
    made = animate_features_in_2d(log, ROWS, [0, 2], True, title="A <b> & c", filename=tmp_path / "a.html")
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert page == made.page
    data = data_of(page)
    assert data["steps"] == [50 * i for i in range(12)] and data["instances"] == [0, 2]
    assert [row["kind"] for row in data["rows"]] == ["latents", "latents", "reconstructions"]
    latents = t.tensor(data["rows"][0]["frames"][3]).view(2, 5, 2) / data["unit"]
    assert t.allclose(latents, log[3]["W_enc"][[0, 2]].mT, atol=6e-4)
    decoder = t.tensor(data["rows"][1]["frames"][3]).view(2, 5, 2) / data["unit"]
    assert t.allclose(decoder, log[3]["W_dec_normalized"][[0, 2]], atol=6e-4)
    points = t.tensor(data["rows"][2]["frames"][5]).view(2, -1, 2) / data["unit"]
    assert t.allclose(points[0, :10], log[5]["h_r"][:10, 0], atol=6e-4)
    assert data["dead"][0][0] == [0, 1, 0, 0, 0]
    assert "A &lt;b&gt; &amp; c" in page and "<b> & c" not in page


def test_no_network_is_needed() -> None:
    page = animate_features_in_2d(make_log(), ROWS).page
    assert "http" not in page and "src=" not in page and "import(" not in page and "plotly" not in page.lower()


def test_resampled_latents_stand_out_for_a_few_frames_and_only_if_asked() -> None:
    fresh = data_of(animate_features_in_2d(make_log(), ROWS, color_resampled_latents=True).page)["fresh"]
    assert [frame[1][2] for frame in fresh] == [0] * 4 + [1] * FRESH_FOR + [0] * (8 - FRESH_FOR)
    assert sum(map(sum, (one for frame in fresh for one in frame))) == FRESH_FOR
    plain = data_of(animate_features_in_2d(make_log(), ROWS).page)["fresh"]
    assert sum(map(sum, (one for frame in plain for one in frame))) == 0


def test_a_long_log_becomes_a_file_of_bounded_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(animation, "MOST_BYTES", 40_000)
    made = animate_features_in_2d(make_log(frames=101), ROWS, color_resampled_latents=True)
    data = data_of(made.page)
    assert len(made.page.encode()) <= 40_000
    assert data["steps"][0] == 0 and data["steps"][-1] == 5_000 and 5 < len(data["steps"]) < 101
    assert any(frame[1][2] for frame in data["fresh"])  # though the frame of the resampling may be left out


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (dict(rows=["nothing"]), "the log has"),
        (dict(rows="W_enc"), "list of names"),
        (dict(instances=[3]), "from 0 to 2"),
        (dict(fps=0), "fps"),
        (dict(data_log=[]), "empty"),
    ],
)
def test_wrong_arguments_are_named(change: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        arguments: dict[str, Any] = {"data_log": make_log(), "rows": ROWS} | change
        animate_features_in_2d(**arguments)


def test_more_than_two_dimensions_are_refused() -> None:
    log = [entry | {"W_enc": t.zeros(3, 4, 5)} for entry in make_log()]
    with pytest.raises(ValueError, match="d_in = 2"):
        animate_features_in_2d(log, ["W_enc"])


def test_a_square_encoder_is_read_by_columns_and_a_square_decoder_by_rows() -> None:
    log = make_log(d_sae=2)
    data = data_of(animate_features_in_2d(log, ["W_enc", "W_dec_normalized"]).page)
    assert data["rows"][0]["frames"][0][0] == [round(1000 * v) for v in log[0]["W_enc"][0].T.flatten().tolist()]
    decoder = log[0]["W_dec_normalized"][0].flatten().tolist()
    assert data["rows"][1]["frames"][0][0] == [round(1000 * v) for v in decoder]


async def _watch(browser_path: str, url: str, root: str) -> dict[str, Any]:
    """Play an animation; `root` is the document, in JavaScript."""
    logging.getLogger("choreographer").setLevel(logging.ERROR)
    problems: list[Any] = []

    async def complain(message: Any) -> None:
        problems.append(message)

    async with Browser(path=browser_path, headless=True, enable_sandbox=False) as session:
        tab = await session.create_tab()
        tab.subscribe("Runtime.exceptionThrown", complain)
        tab.subscribe("Log.entryAdded", complain)
        tab.subscribe("Runtime.consoleAPICalled", complain)
        for domain in ("Runtime", "Log", "Page"):
            await tab.send_command(f"{domain}.enable")
        await tab.send_command("Page.navigate", params={"url": url})

        async def run(script: str) -> Any:
            params = {"expression": f"(root => {{ {script} }})({root})", "returnByValue": True}
            return (await tab.send_command("Runtime.evaluate", params=params))["result"]["result"].get("value")

        state = (
            "const c = root.getElementById('view'); return [Number(root.getElementById('slider').value), "
            "root.getElementById('where').textContent, root.getElementById('play').textContent, c.toDataURL()]"
        )

        async def until(condition: str) -> None:
            """Wait for it, 20 seconds at most: how fast the machine is does not matter."""
            for _ in range(200):
                if await run(f"return Boolean(root && root.getElementById('where') && ({condition}))"):
                    return
                await asyncio.sleep(0.1)

        await until("root.getElementById('where').textContent")
        seen = {"start": await run(state)}
        await run("root.getElementById('play').click()")
        await until("root.getElementById('slider').value > 0")
        seen["playing"] = await run(state)
        await run("root.getElementById('play').click()")
        seen["paused"] = await run(state)
        await asyncio.sleep(0.3)
        seen["still paused"] = await run(state)
        slide = "const s = root.getElementById('slider'); s.value = 9; s.dispatchEvent(new Event('input'))"
        await run(slide)
        seen["slid"] = await run(state)
        await run("root.getElementById('play').click()")
        await until(
            "root.getElementById('slider').value == 11 && root.getElementById('play').textContent.includes('play')"
        )
        seen["end"] = await run(state)
        seen["problems"] = problems
        return seen


@pytest.mark.parametrize("where", ["disk", "notebook"])
def test_it_plays_and_the_slider_moves_it(browser: str, where: str, tmp_path: Path) -> None:  # noqa: F811
    path = tmp_path / "animation.html"
    made = animate_features_in_2d(make_log(), ROWS, color_resampled_latents=True, fps=3, filename=path)
    root = "document"
    if where == "notebook":
        path.write_text(f"<!doctype html><meta charset=utf-8><body>{made._repr_html_()}</body>", encoding="utf-8")
        root = "document.querySelector('iframe').contentDocument"
    seen = asyncio.run(_watch(browser, path.as_uri(), root))
    assert seen["problems"] == []
    assert seen["start"][0] == 0 and seen["start"][1].startswith("step 0 ")
    assert 0 < seen["playing"][0] < 11 and "pause" in seen["playing"][2]
    assert seen["playing"][3] != seen["start"][3]  # the picture has moved
    assert seen["paused"][0] == seen["still paused"][0] and "play" in seen["still paused"][2]
    assert seen["slid"][0] == 9 and seen["slid"][1].startswith("step 450 ")
    assert seen["slid"][3] != seen["still paused"][3]
    assert seen["end"][0] == 11 and "play" in seen["end"][2]  # it stops at the end
