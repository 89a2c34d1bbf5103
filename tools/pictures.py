"""Plotly figures as PNG: one browser for all of them, and no network."""

import asyncio
import io
import logging
import os
import shutil
from collections.abc import Sequence
from typing import Any

import kaleido
from choreographer.browsers.chromium import Chromium
from PIL import Image

from .console import ToolError

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WIDTH, HEIGHT = 900, 450  # of a figure that does not say, in px
NOBODY = "http://127.0.0.1:9"  # a proxy that does not answer: the browser reaches nothing but files


class PictureError(ToolError):
    """The browser does not draw."""


def find_browser() -> tuple[str | None, str]:
    """Path of a Chromium or Chrome, or None, and why there is none.

    BROWSER_PATH decides if it is set; then PATH; then the places where installers put it.
    """
    wanted = os.environ.get("BROWSER_PATH")
    if wanted:
        found = shutil.which(wanted)
        return found, "" if found else f"BROWSER_PATH={wanted} is not a program"
    for name in NAMES:
        if found := shutil.which(name):
            return found, ""
    found = Chromium.find_browser(skip_local=False)
    return found, "" if found else "no Chromium or Chrome was found; set BROWSER_PATH to one"


def draw(specs: Sequence[dict[str, Any]], browser: str, scales: Sequence[float]) -> list[bytes | Exception]:
    """Each figure as PNG, or the error that it gave.

    Args:
        specs: figures as plotly's JSON has them.
        browser: path of the browser.
        scales: of each, pixels of the picture per pixel of the figure.
    Raises:
        PictureError: if the browser does not start.
    """
    for name in ("kaleido", "choreographer"):
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        return asyncio.run(_draw(specs, browser, scales))
    except Exception as error:
        raise PictureError(f"{browser} does not work: {error}") from error


async def _draw(specs: Sequence[dict[str, Any]], browser: str, scales: Sequence[float]) -> list[bytes | Exception]:
    async with kaleido.Kaleido(mathjax=False, path=browser, proxy_server=NOBODY) as session:
        drawn: list[bytes | Exception] = []
        for spec, scale in zip(specs, scales, strict=True):
            try:
                drawn.append(await session.calc_fig(_plain(spec), opts={"format": "png", "scale": scale} | size(spec)))
            except Exception as error:  # whatever one figure does must not take the others with it
                drawn.append(error)
        return drawn


def size(spec: dict[str, Any]) -> dict[str, float]:
    """Width and height of a figure in px, ours where it leaves them open."""
    layout = spec.get("layout", {})
    return {"width": layout.get("width") or WIDTH, "height": layout.get("height") or HEIGHT}


def _plain(spec: dict[str, Any]) -> dict[str, Any]:
    return {key: spec[key] for key in ("data", "layout", "frames") if key in spec}


def shrink(png: bytes, most: int) -> bytes | None:
    """The picture in at most `most` bytes, by a palette and then, where that is not enough, by fewer pixels.

    Returns:
        PNG bytes, or None if neither is enough. It never falls under 32 colours or 3/4 of its width.
    """
    whole = Image.open(io.BytesIO(png)).convert("RGBA")
    backed = Image.new("RGBA", whole.size, "white")
    backed.alpha_composite(whole)
    rgb = backed.convert("RGB")
    for part in (1.0, 0.875, 0.75):
        pixels = (round(rgb.width * part), round(rgb.height * part))
        resized = rgb if part == 1 else rgb.resize(pixels, Image.Resampling.LANCZOS)
        for colours in (256, 128, 64, 32):
            data = _palette(resized, colours)
            if len(data) <= most:
                return data
    return None


def _palette(image: Image.Image, colours: int) -> bytes:
    """PNG with a palette; dithering would cost bytes and put noise on plain areas."""
    reduced = image.quantize(colours, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    target = io.BytesIO()
    reduced.save(target, "PNG", optimize=True)
    return target.getvalue()
