"""What takes part in the benchmark: our kinds of autoencoder, and whatever class somebody brings."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .. import solutions
from ..solutions import Variant

KINDS: tuple[str, ...] = (
    "independent",
    "paired",
    "hierarchical",
    "Zipf",
)  # of data, all with 100 features in 20 dimensions


class Refused(ValueError):
    """A class cannot be ranked on a kind of data; the message says what came, and what would be right."""


@dataclass(frozen=True)
class Entry:
    """A class and the settings it takes part with.

    Attributes:
        sae: the class.
        values: settings to try first, above 0: for all kinds of data, or by kind, with "" for all others.
        knob: the field of the config that sets how many latents fire.
        choices: more fields of the config. One that `ToySAEConfig` does not have becomes an attribute of it.
        name: in the table.
    """

    sae: type[Any]
    values: tuple[float, ...] | Mapping[str, tuple[float, ...]] = (0.003, 0.01, 0.03, 0.1)
    knob: str = "sparsity_coeff"
    choices: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""

    def __post_init__(self) -> None:
        given = self.values.values() if isinstance(self.values, Mapping) else [self.values]
        if not given or not all(values and min(values) > 0 for values in given):
            raise ValueError(f"values={self.values!r} must be settings above 0, such as (0.01, 0.03)")

    @classmethod
    def of(cls, variant: Variant) -> "Entry":
        """One of the kinds that section 5 compares."""
        return cls(variant.sae, variant.values, variant.knob, variant.choices, variant.name)

    def values_for(self, kind: str) -> tuple[float, ...]:
        """Settings to try first on a kind of data."""
        return self.values.get(kind, self.values[""]) if isinstance(self.values, Mapping) else self.values

    @property
    def takes_whole_numbers(self) -> bool:
        """Whether the setting is a count, as the k of TopK: told by the values."""
        given = self.values.values() if isinstance(self.values, Mapping) else [self.values]
        return self.knob == "k" and all(value == int(value) for values in given for value in values)

    def variant(self) -> Variant:
        """As section 5's `train_variant` takes it."""
        values = self.values if isinstance(self.values, Mapping) else {"": self.values}
        return Variant(self.name, self.sae, self.knob, values, self.choices)


OURS = {variant.name: Entry.of(variant) for variant in solutions.VARIANTS}


def entries_of(classes: Any) -> dict[str, Entry]:
    """One entry for each class, with the settings of the comparison in section 5.

    Args:
        classes: by the name that the table will show: a class, or an `Entry` where it needs settings of its own. A
            subclass of a special kind, TopK say, gets that kind's settings; any other class is taken to answer to
            `cfg.sparsity_coeff`, and is tried over a wide range of it.
    Raises:
        TypeError: if `classes` is no mapping, or holds something that is neither a class nor an `Entry`.
        ValueError: if a name is one of ours.
    """
    if not isinstance(classes, Mapping):
        raise TypeError(f"classes={classes!r} must be a dict from names to classes, such as {{'mine': MySAE}}")
    if taken := [name for name in classes if name in OURS]:
        raise ValueError(f"the name {taken[0]!r} is taken by one of our own kinds; give your class another one")
    return {str(name): _entry(str(name), one) for name, one in classes.items()}


def _entry(name: str, one: Any) -> Entry:
    if isinstance(one, Variant):
        one = Entry.of(one)
    if isinstance(one, Entry):
        return replace(one, name=name)
    if not isinstance(one, type):
        raise TypeError(
            f"{name}: got a {type(one).__name__}; it must be the class itself, such as MySAE without brackets, "
            "or an Entry with its settings"
        )
    parents = [entry for entry in OURS.values() if issubclass(one, entry.sae)]
    if parents and (one is parents[-1].sae or parents[-1] is not OURS["standard"]):
        return replace(parents[-1], name=name, sae=one)  # of several the last: it is the most special
    return Entry(one, name=name)
