"""Where things lie in the repo, and which sections make up which notebook."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PART = ROOT / "chapter1_transformer_interp" / "exercises" / "part31_superposition_and_saes"
SECTIONS = PART / "sections"
EXPECTED = PART / "data" / "expected"
ALT_TEXTS = EXPECTED / "alt.json"

# Each notebook pair and the sources that make it up, in reading order.
NOTEBOOKS: dict[str, tuple[str, ...]] = {
    "1_toy_models": ("s0_introduction", "s1_toy_models"),
    "2_privileged_basis": ("s2_privileged_basis",),
    "3_feature_geometry": ("s3_feature_geometry",),
    "4_double_descent": ("s4_double_descent",),
    "5_sparse_autoencoders": ("s5_1_sparse_autoencoders", "s5_2_variants"),
    "6_bonus": ("s6_3_benchmark",),
}
