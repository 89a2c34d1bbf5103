"""Changes to our answers that leave them right, each with the reason: exercise and changed line -> why."""

BORDER = "a draw that equals the probability comes once in 2^24: < and <= are the same answer"
BOOLEAN = "& and * are the same for two booleans"
NEVER_NEGATIVE = "a sum of squares, or its root, is never below 0: > 0 and != 0 are the same"
NAMES = "of the five names that can come, it picks the same ones"
IDENTITY = "the names are constants of the module, interned by Python: == and is agree"
SAME_NUMBER = "for these numbers both give the same"
THRESHOLD = "no cosine or length is exactly at the threshold"
BEYOND = "differs only for steps after the last, which never come"
WHERE_THEY_MEET = "both parts are 1 where they meet"

_REASONS = {
    (
        "at_equal_l0",
        "end = (x {} x_target).sum(dim=0, keepdim=True).clamp(1, len(x) - 1)  # place of the neighbour above, [1 inst]",
    ): (("<", "<=", "at a measured L0 the pieces on both sides give what was measured"),),
    ("at_equal_l0", 'return t.where((share >= 0) {} (share <= 1), between, float("nan"))[0]'): (("&", "*", BOOLEAN),),
    ("at_equal_l0", 'return t.where((share >= 0) & (share <= 1), between, float("nan"))[{}]'): (
        ("0", " -1", "the axis has one place: the first is the last"),
    ),
    (
        "generate_batch",
        "is_on = t.rand(shape, device=self.W.device, generator=generator) {} self.feature_probability",
    ): (("<", "<=", BORDER),),
    (
        "generate_correlated_features",
        "pair_is_on = t.rand(shape, device=self.W.device, generator=generator) {} probability",
    ): (("<", "<=", BORDER),),
    (
        "generate_uncorrelated_features",
        "is_on = t.rand(shape, device=self.W.device, generator=generator) {} probability",
    ): (("<", "<=", BORDER),),
    ("generate_anticorrelated_features", "first = place {} probability"): (("<", "<=", BORDER),),
    ("generate_anticorrelated_features", "second = (place {} probability) & (place < 2 * probability)"): (
        (">=", ">", BORDER),
    ),
    ("generate_anticorrelated_features", "second = (place >= probability) & (place {} 2 * probability)"): (
        ("<", "<=", BORDER),
    ),
    ("generate_anticorrelated_features", "second = (place >= probability) {} (place < 2 * probability)"): (
        ("&", "*", BOOLEAN),
    ),
    ("largest_share", "return squares.amax(dim=-1) / t.where(total > 0, total, {})"): (
        ("1.0", "2.0", "what 0 is divided by does not matter"),
    ),
    ("largest_share", "return squares.amax(dim=-1) / t.where(total {} 0, total, 1.0)"): ((">", "!=", NEVER_NEGATIVE),),
    (
        "computation_generate_batch",
        "is_on = t.rand(shape, device=self.W1.device, generator=generator) {} self.feature_probability",
    ): (("<", "<=", BORDER),),
    ("predicted_dimensionality", '"digon": 1 {} 1,'): (("+", "<<", SAME_NUMBER),),
    ("ideal_polytope", 'if polytope {} "digon":'): (("==", "<=", NAMES), ("==", "is", IDENTITY)),
    ("ideal_polytope", 'if polytope {} "tetrahedron":  # every other corner of a cube'): (
        ("==", ">=", "the triangle, the one other name from there on, was dealt with above"),
        ("==", "is", IDENTITY),
    ),
    ("ideal_polytope", 'n_corners = 3 if polytope {} "triangle" else 5'): (
        ("==", ">=", NAMES),
        ("==", "is", IDENTITY),
    ),
    (
        "orthogonal_groups",
        "linked = (cosines.abs() > threshold) {} represented[:, :, None] & represented[:, None, :]",
    ): (("&", "*", BOOLEAN),),
    (
        "orthogonal_groups",
        "linked = (cosines.abs() > threshold) & represented[:, :, None] {} represented[:, None, :]",
    ): (("&", "*", BOOLEAN),),
    ("orthogonal_groups", "represented = norms {} 0.5"): ((">", ">=", THRESHOLD),),
    (
        "orthogonal_groups",
        "linked = (cosines.abs() {} threshold) & represented[:, :, None] & represented[:, None, :]",
    ): ((">", ">=", THRESHOLD),),
    ("anthropic_lr", "if step < warmup or steps {} warmup:"): (
        ("<=", "==", BEYOND),
        ("<=", "is", BEYOND),
        ("<=", "<", BEYOND),
    ),
    ("anthropic_lr", "if step {} warmup or steps <= warmup:"): (("<", "<=", WHERE_THEY_MEET),),
    ("double_descent_generate_batch", "return t.where(norm {} 0, batch / norm, 0.0)"): ((">", "!=", NEVER_NEGATIVE),),
    ("double_descent_dimensionality", "return t.where(squared_norm {} 0, squared_norm / shared, 0.0)"): (
        (">", "!=", NEVER_NEGATIVE),
    ),
}

# (exercise, "line as it is  ->  line as changed") -> reason
EQUIVALENT: dict[tuple[str, str], str] = {
    (exercise, f"{line.format(before)}  ->  {line.format(after)}"): reason
    for (exercise, line), changes in _REASONS.items()
    for before, after, reason in changes
}
