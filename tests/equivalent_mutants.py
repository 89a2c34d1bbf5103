"""Changes to our answers that leave them right, each with the reason: exercise and changed line -> why."""

BORDER = "a draw that equals the probability comes once in 2^24: < and <= are the same answer"
BOOLEAN = "& and * are the same for two booleans"

_REASONS = {
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
}

# (exercise, "line as it is  ->  line as changed") -> reason
EQUIVALENT: dict[tuple[str, str], str] = {
    (exercise, f"{line.format(before)}  ->  {line.format(after)}"): reason
    for (exercise, line), changes in _REASONS.items()
    for before, after, reason in changes
}
