"""What takes part in the benchmark: our kinds of autoencoder, and whatever class somebody brings."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .. import solutions
from ..solutions import Variant

OURS = {variant.name: variant for variant in solutions.VARIANTS}
KINDS = ("independent", "paired", "hierarchical", "Zipf")  # of data, all with 100 features in 20 dimensions
UNKNOWN = {"": (0.003, 0.01, 0.03, 0.1)}  # settings to try first where nothing is known of a class


class Refused(ValueError):
    """A class cannot be ranked on a kind of data; the message says what came, and what would be right."""


def entries_of(classes: Mapping[str, Any]) -> dict[str, Variant]:
    """One entry for each class, with the settings of the comparison in section 5.

    Args:
        classes: by the name that the table will show: a class, or a `Variant` where it needs settings of its own. A
            subclass of a special kind, TopK say, gets that kind's settings; any other class is taken to answer to
            `cfg.sparsity_coeff`, and is tried over a wide range of it.
    Raises:
        TypeError: if `classes` is no mapping, or holds something that is neither a class nor a `Variant`.
        ValueError: if a name is one of ours.
    """
    if not isinstance(classes, Mapping):
        raise TypeError(f"classes={classes!r} must be a dict from names to classes, such as {{'mine': MySAE}}")
    if taken := [name for name in classes if name in OURS]:
        raise ValueError(f"the name {taken[0]!r} is taken by one of our own kinds; give your class another one")
    return {str(name): _entry(str(name), one) for name, one in classes.items()}


def _entry(name: str, one: Any) -> Variant:
    if isinstance(one, Variant):
        return replace(one, name=name)
    if not isinstance(one, type):
        raise TypeError(
            f"{name}: got a {type(one).__name__}; it must be the class itself, such as MySAE without brackets, "
            "or a Variant with its settings"
        )
    parent = [variant for variant in solutions.VARIANTS if issubclass(one, variant.sae)]
    if parent and (one is parent[-1].sae or parent[-1].sae is not OURS["standard"].sae):
        return replace(parent[-1], name=name, sae=one)  # of several the last: it is the most special
    return Variant(name, one, "sparsity_coeff", UNKNOWN, {})


def takes_whole_numbers(entry: Variant) -> bool:
    """Whether the setting is a count, as the k of TopK: told by the values that the entry lists."""
    return entry.knob == "k" and all(value == int(value) for values in entry.values.values() for value in values)
