"""What a learner's code raised, in a few lines: the error, and the line of their code that it came from."""

import linecache
import sysconfig
import traceback
from pathlib import Path

from .outcome import Failure

MAX_TEXT = 240  # characters of an exception's own message
_OURS = Path(__file__).resolve().parents[1]
_ENGINE = tuple(str(_OURS / folder) for folder in ("checking", "checks"))
_LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})


def explain_exception(what: str, error: BaseException) -> Failure:
    """The failure for code that raised: the kind and text of the error, and the learner's line."""
    text = f"{what} raised {type(error).__name__}"
    message = _shorten(_message(error))
    place = _learners_line(error)
    return Failure("raised", f"{text}: {message}" if message else f"{text}.", *([place] if place else []))


def _message(error: BaseException) -> str:
    try:
        return " ".join(str(error).split())
    except Exception:  # an exception of the learner's own may be broken too
        return ""


def _shorten(text: str) -> str:
    # Long messages say what went wrong at the beginning, and with which values at the end.
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT * 2 // 3]} … {text[-MAX_TEXT // 3 :]}"


def _learners_line(error: BaseException) -> str:
    frames = [(one.f_code.co_filename, line) for one, line in traceback.walk_tb(error.__traceback__)]
    theirs = [frame for frame in frames if not frame[0].startswith((*_ENGINE, *_LIBRARIES, "<frozen", "<@beartype"))]
    if not theirs:
        return ""
    filename, line = theirs[-1]
    source = linecache.getline(filename, line).strip()
    is_cell = "ipykernel_" in filename or filename.startswith("<ipython-input")
    place = "of the cell" if is_cell else f"of {Path(filename).name}"
    return f"line {line} {place}: {_shorten(source)}" if source else f"line {line} {place}"
