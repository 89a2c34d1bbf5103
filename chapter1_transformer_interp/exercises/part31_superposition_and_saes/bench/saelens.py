"""The training autoencoders of SAELens in the benchmark, where `sae-lens` is installed (extra "saelens")."""

from ..solutions import Variant


def saelens_entries() -> dict[str, Variant]:
    return {}
