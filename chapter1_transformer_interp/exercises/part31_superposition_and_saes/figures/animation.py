"""The training of an autoencoder as one HTML file that plays without a network, in a notebook or from disk."""

import html
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from plotly_utils import FONT

from .style import to_numpy

PAGE = Path(__file__).with_name("animation.html")
MOST_BYTES = 1_400_000
MOST_POINTS = 60  # inputs that are drawn in a panel
UNIT = 1000  # coordinates are whole numbers of thousandths
FRESH_FOR = 6  # frames for which a latent that was resampled stands out
TITLE = "How the latents of a sparse autoencoder find their features"
LABELS = {
    "W_enc": "encoder",
    "_W_dec": "decoder",
    "W_dec_normalized": "decoder (unit)",
    "W_gate": "gate encoder",
    "h": "inputs h",
    "h_r": "reconstructions",
}


class Animation:
    """An animation that shows when it is a cell's last value.

    Attributes:
        page: the whole HTML file.
        alt: what it shows, for those who cannot see it.
    """

    def __init__(self, page: str, alt: str, height: int):
        self.page, self.alt, self.height = page, alt, height

    def _repr_html_(self) -> str:
        source = html.escape(self.page, quote=True)
        title = html.escape(self.alt, quote=True)
        style = f"border: 0; width: 100%; max-width: 840px; height: {self.height}px"
        return f'<iframe title="{title}" srcdoc="{source}" style="{style}"></iframe>'

    def __repr__(self) -> str:
        return self.alt


def animate_features_in_2d(
    data_log: Sequence[dict[str, Any]],
    rows: Sequence[str],
    instances: Sequence[int] | None = None,
    color_resampled_latents: bool = False,
    fps: float | int = 50,
    title: str | None = None,
    filename: str | Path | None = None,
) -> Animation:
    """True features, latents and reconstructions in the hidden plane, as they move in training.

    One self-contained file (a canvas and a script of our own) with play, pause and a slider.

    Args:
        data_log: what `ToySAE.optimize` returned, for `d_in` 2. Frames are left out evenly where the file would
            become larger than 1.4 MB.
        rows: what to show, a row of panels each: names in the log, such as "W_enc" or "W_dec_normalized" (latents),
            "h" (inputs) or "h_r" (reconstructions, each tied to its input).
        instances: one column of panels each; the first four if None.
        color_resampled_latents: whether latents stand out, by colour and by a square round their tip, for
            a few frames after they were resampled.
        fps: frames a second.
        title: says what to see.
        filename: where to write the file, if anywhere.
    Returns:
        The animation, which plays in a notebook's output.
    Raises:
        ValueError: if the log is empty, lacks one of the rows, or is not of two dimensions.
    """
    _check(data_log, rows, instances, fps)
    n_inst = data_log[0]["frac_active"].shape[0]
    shown = list(range(min(4, n_inst))) if instances is None else list(instances)
    title = title or TITLE
    alt = _describe(data_log, rows, shown, title)
    every = 1
    while True:
        page = _page(_data(data_log, rows, shown, color_resampled_latents, fps, every), title, alt)
        if len(page.encode()) <= MOST_BYTES or every >= len(data_log):
            break
        every += 1
    if filename is not None:
        Path(filename).write_text(page, encoding="utf-8")
    side = max(120, min(240, 770 // len(shown) - 8))
    return Animation(page, alt, 190 + len(rows) * (side + 22))


def _check(
    data_log: Sequence[dict[str, Any]], rows: Sequence[str], instances: Sequence[int] | None, fps: float | int
) -> None:
    if not data_log:
        raise ValueError("data_log is empty; give what optimize returned")
    if isinstance(rows, str) or not rows:
        raise ValueError(f"rows={rows!r} must be a list of names in the log")
    for name in rows:
        if name not in data_log[0]:
            raise ValueError(f"rows names {name!r}; the log has {', '.join(data_log[0])}")
        shape = tuple(data_log[0][name].shape)
        if len(shape) != 3 or shape[1 if _kind(name, data_log[0]) == "columns" else 2] != 2:
            raise ValueError(f"{name} has shape {list(shape)}; this figure draws d_in = 2")
    n_inst = data_log[0]["frac_active"].shape[0]
    if instances is not None and (not list(instances) or not all(0 <= i < n_inst for i in instances)):
        raise ValueError(f"instances={instances!r} must be numbers from 0 to {n_inst - 1}")
    if not fps > 0:
        raise ValueError(f"fps={fps!r} must be above 0")


def _kind(name: str, entry: dict[str, Any]) -> str:
    """How a tensor of the log lies: latents as "columns" or "rows" of a matrix, or "points" of a batch."""
    if name in ("h", "h_r"):
        return "points"
    d_sae = entry["frac_active"].shape[1]
    shape = tuple(entry[name].shape)
    return "columns" if shape[1] == 2 and shape[2] == d_sae and not name.startswith(("_W_dec", "W_dec")) else "rows"


def _points(entry: dict[str, Any], name: str, shown: list[int], which: np.ndarray) -> np.ndarray:
    """`[inst n 2]` of what a row shows."""
    array = to_numpy(entry[name], name).astype(float)
    kind = _kind(name, entry)
    if kind == "points":
        return np.take_along_axis(array.transpose(1, 0, 2)[shown], which[..., None], axis=1)
    return (array.transpose(0, 2, 1) if kind == "columns" else array)[shown]


def _inputs(entry: dict[str, Any], shown: list[int]) -> np.ndarray:
    """Which rows of the logged batch are drawn, `[inst n]`: the same number for all, those far from 0 first."""
    if "h" not in entry:
        return np.zeros((len(shown), 0), dtype=int)
    size = np.linalg.norm(to_numpy(entry["h"], "h").astype(float), axis=-1)[:, shown]  # [rows inst]
    n = min(MOST_POINTS, int((size > 0).sum(0).max(initial=0)))
    return np.argsort(size <= 0, axis=0, kind="stable")[:n].T


def _whole(points: np.ndarray) -> list[list[int]]:
    """`[inst n 2]` as flat lists of whole numbers, x and y in turn."""
    return [[int(value) for value in one.ravel()] for one in np.rint(UNIT * points)]


def _data(
    data_log: Sequence[dict[str, Any]],
    rows: Sequence[str],
    shown: list[int],
    resampled: bool,
    fps: float | int,
    every: int,
) -> dict[str, Any]:
    frames = sorted({*range(0, len(data_log), every), len(data_log) - 1})
    log = [data_log[i] for i in frames]
    which = _inputs(log[0], shown)
    features = to_numpy(log[0]["features"], "features").astype(float)[shown].transpose(0, 2, 1)
    drawn = []
    for name in rows:
        points = [_points(entry, name, shown, which) for entry in log]
        far = max(float(np.linalg.norm(one, axis=-1).max(initial=0)) for one in (*points, features))
        kind = {"h": "inputs", "h_r": "reconstructions"}.get(name, "latents")
        drawn.append({
            "label": LABELS.get(name, name), "kind": kind, "limit": round(1.12 * far or 1.0, 3),
            "frames": [_whole(one) for one in points],
        })  # fmt: skip
    dead = [(to_numpy(entry["frac_active"], "frac_active")[shown] == 0).astype(int).tolist() for entry in log]
    loss = [float(to_numpy(entry["loss"], "loss")[shown].mean()) for entry in log]
    return {
        "steps": [int(entry["steps"]) for entry in log],
        "loss": [round(value, 6) for value in loss],
        "instances": shown,
        "features": _whole(features),
        "inputs": _whole(_points(log[0], "h", shown, which)) if "h_r" in rows and "h" in log[0] else None,
        "rows": drawn,
        "dead": dead,
        "fresh": _fresh(data_log, frames, shown) if resampled else [np.zeros_like(one).tolist() for one in dead],
        "fps": fps,
        "unit": UNIT,
        "legend": _legend(rows, resampled),
    }


def _fresh(data_log: Sequence[dict[str, Any]], frames: list[int], shown: list[int]) -> list[Any]:
    """Which latents were resampled within the last frames."""
    since, found, previous = None, [], 0
    for frame in frames:
        new = np.zeros_like(to_numpy(data_log[0]["resampled"], "resampled")[shown], dtype=bool)
        for entry in data_log[previous : frame + 1]:
            new |= to_numpy(entry["resampled"], "resampled")[shown].astype(bool)
        since = np.full(new.shape, FRESH_FOR) if since is None else since + 1
        since = np.where(new, 0, since)
        found.append((since < FRESH_FOR).astype(int).tolist())
        previous = frame + 1
    return found


def _legend(rows: Sequence[str], resampled: bool) -> str:
    parts = ["Thick grey: the true features."]
    if any(name not in ("h", "h_r") for name in rows):
        parts.append("Blue: latents that fire. Dashed with a hollow tip: latents that are dead.")
        if resampled:
            parts.append("Orange in a square: resampled a moment ago.")
    if "h_r" in rows:
        parts.append("Hollow dots: inputs; filled dots: their reconstructions, tied to them by a thin line.")
    return " ".join(parts)


def _describe(data_log: Sequence[dict[str, Any]], rows: Sequence[str], shown: list[int], title: str) -> str:
    first, last = (int((to_numpy(e["frac_active"], "f")[shown] == 0).sum()) for e in (data_log[0], data_log[-1]))
    what = ", ".join(LABELS.get(name, name) for name in rows)
    return (
        f"{title}. Animation of {len(data_log)} frames, steps {data_log[0]['steps']} to {data_log[-1]['steps']}, "
        f"instances {', '.join(map(str, shown))}; rows: {what}. Silent latents: {first} at first, {last} at the end."
    )


def _page(data: dict[str, Any], title: str, alt: str) -> str:
    # "</" would end the script, whatever it stands in.
    text = json.dumps(data, separators=(",", ":")).replace("</", "<\\/")
    page = PAGE.read_text(encoding="utf-8")
    for mark, value in (("__TITLE__", html.escape(title)), ("__ALT__", html.escape(alt)), ("__FONT__", FONT)):
        page = page.replace(mark, value)
    return page.replace("__DATA__", text)
