"""The training autoencoders of SAELens in the benchmark, where `sae-lens` is installed (extra "saelens")."""

from .entries import Entry


def saelens_entries() -> dict[str, Entry]:
    return {}
