"""Wrong shapes, explained: what was probably done, from the sizes alone."""

from collections.abc import Sequence

from .outcome import Failure

Shape = tuple[int, ...]


def named_axes(axes: str, n_axes: int) -> list[str]:
    """Names of `n_axes` axes: those given stand at the right, whatever is left of them is a batch axis."""
    names = axes.split()
    return ["batch"] * (n_axes - len(names)) + names[max(0, len(names) - n_axes) :]


def shape_text(got: Shape, expected: Shape, axes: str) -> str:
    """Both shapes, the expected one with the names of its axes: "shape [4, 1], expected [4] (inst)"."""
    names = f" ({' '.join(named_axes(axes, len(expected)))})" if expected else ", a tensor with no axes"
    return f"shape {list(got)}, expected {list(expected)}{names}"


def explain_shape(got: Shape, expected: Shape, axes: str, what: str) -> Failure:
    """The failure for an answer of shape `got`, with the likeliest reason where the sizes give one away."""
    diagnosis, guess = _guess(got, expected, named_axes(axes, len(expected)))
    subject = "" if what == "your answer" else f"{what} has "
    return Failure(diagnosis, f"{subject}{shape_text(got, expected, axes)}.", *([guess] if guess else []))


def _guess(got: Shape, expected: Shape, names: Sequence[str]) -> tuple[str, str]:
    without_ones = [size for size in got if size != 1]
    if len(got) > len(expected) and without_ones == [size for size in expected if size != 1]:
        return "kept-axis", "An axis of size 1 is left over. Did you pass keepdim=True, or forget a squeeze?"
    if got != expected and sorted(got) == sorted(expected):
        order = [names[expected.index(size)] for size in got] if len(set(expected)) == len(expected) else []
        return "transposed", f"The axes are in another order{': ' + ' '.join(order) if order else ''}."
    if not got:
        return "all-reduced", f"Everything became one number. Keep {_and(names)}."
    for axis, name in enumerate(names):
        if got == expected[:axis] + expected[axis + 1 :]:
            return "missing-axis", f"The {name} axis is missing: was it summed over, or indexed away?"
    if len(got) == len(expected) + 1:
        for axis in range(len(got)):
            if expected == got[:axis] + got[axis + 1 :]:
                return "extra-axis", f"There is an axis of {got[axis]} too many, number {axis} from the left."
    for axis in range(len(got) - 1):
        if expected == (*got[:axis], got[axis] * got[axis + 1], *got[axis + 2 :]):
            return "split-axis", f"The {names[axis]} axis is split in two, {list(got[axis : axis + 2])}: flatten them."
    if not expected:
        return "shape", "Sum or average until one number is left."
    if len(got) == len(expected):
        different = [i for i, (mine, right) in enumerate(zip(got, expected, strict=True)) if mine != right]
        if len(different) == 1:
            (axis,) = different
            return "shape", f"The {names[axis]} axis has {got[axis]} entries, expected {expected[axis]}."
    return "shape", ""


def _and(names: Sequence[str]) -> str:
    listed = [f"the {name} axis" for name in names]
    return " and ".join([", ".join(listed[:-1]), listed[-1]] if len(listed) > 1 else listed)
