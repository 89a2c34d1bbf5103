"""Changes to our answers that leave them right, each with the reason: exercise and changed line -> why."""

BORDER = "a draw that equals the probability comes once in 2^24: < and <= are the same answer"
BOOLEAN = "& and * are the same for two booleans"
NEVER_NEGATIVE = "a sum of squares, or its root, is never below 0: > 0 and != 0 are the same"
NAMES = "of the five names that can come, it picks the same ones"
IDENTITY = "the names are constants of the module, interned by Python: == and is agree"
SAME_NUMBER = "for these numbers both give the same"
THRESHOLD = "no cosine or length is exactly at the threshold"
NO_SIZE_BELOW = "sizes and activations are never below 0"
BEYOND = "differs only for steps after the last, which never come"
TWO_NAMES = "of the two names that can come, it tells apart the same ones"
ONE_ARRAY = "one axis has one array of indices: the first is the last"
SAME_LENGTH = "both have an entry for each instance"
LAST_OF_TWO = "of two axes the last is axis 1"
COUNTED = "a count is never below 0: > 0 and != 0 are the same"
UNREAD = "what stands there is never read"
SCALED = "a factor for each instance changes no probability, one for each row no direction"
EDGES = "whether an edge of the window, or z = theta itself, counts is left open: tests keep off it"
TINY = "eps is too small to be seen beside a norm, so that a maximum of the two is right as well, and 0 / -eps is 0"
NEVER_ZERO = "no pre-activation of a gate is exactly 0"
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
    ("absorption_rate", "parent_on = true[..., :n_parents] {} 0"): ((">", "!=", NO_SIZE_BELOW),),
    ("absorption_rate", "child_on = (children {} 0).any(dim=-1)"): ((">", "!=", NO_SIZE_BELOW),),
    ("absorption_rate", "silent = found[..., :n_parents] {} 0"): (("==", "<=", NO_SIZE_BELOW),),
    ("absorption_rate", "return (silent {} rows).to(true.dtype).sum(dim=0) / rows.sum(dim=0)"): (("&", "*", BOOLEAN),),
    (
        "absorption_rate",
        "rate = share_silent(parent_on {} child_on) - share_silent(parent_on & ~child_on)",
    ): (("&", "*", BOOLEAN),),
    (
        "absorption_rate",
        "rate = share_silent(parent_on & child_on) - share_silent(parent_on {} ~child_on)",
    ): (("&", "*", BOOLEAN),),
    ("double_descent_dimensionality", "return t.where(squared_norm {} 0, squared_norm / shared, 0.0)"): (
        (">", "!=", NEVER_NEGATIVE),
    ),
    ("sae_init", 'elif cfg.decoder_init {} "encoder":'): (("==", "is", IDENTITY), ("==", "<=", TWO_NAMES)),
    (
        "sae_W_dec_normalized",
        "return self.W_dec / (self.W_dec.norm(dim=-1, keepdim=True) {} self.cfg.weight_normalize_eps)",
    ): (("+", "-", TINY),),
    ("match_latents", "columns = alive.nonzero()[{}]"): (("0", " -1", ONE_ARRAY),),
    (
        "match_latents",
        "for inst, (cosine, alive) in enumerate(zip(cosines.detach().cpu().numpy(), live.cpu().numpy(), strict={})):",
    ): (("True", "False", SAME_LENGTH),),
    ("resample_simple", "dead = (frac_active_in_window {} 0).all(dim=0)"): (("==", "<=", "a share is never below 0"),),
    (
        "resample_advanced",
        "rows = t.multinomial(t.where(can_choose, weights, {}), self.cfg.d_sae, replacement=True, generator=generator)",
    ): (("1.0", "2.0", UNREAD),),
    (
        "resample_advanced",
        "mean_norm = t.where(n_live > 0, (norms * ~dead).sum(dim=-1, keepdim=True) / n_live.clamp_min({}), 1.0)",
    ): (("1", " 0", UNREAD),),
    (
        "resample_advanced",
        "mean_norm = t.where(n_live {} 0, (norms * ~dead).sum(dim=-1, keepdim=True) / n_live.clamp_min(1), 1.0)",
    ): ((">", "!=", COUNTED),),
    (
        "resample_advanced",
        "mean_norm = t.where(n_live > 0, (norms * ~dead).sum(dim={}, keepdim=True) / n_live.clamp_min(1), 1.0)",
    ): (("-1", "1", LAST_OF_TWO), ("-1", "+1", LAST_OF_TWO)),
    ("resample_advanced", "n_live = (~dead).sum(dim={}, keepdim=True)"): (
        ("-1", "1", LAST_OF_TWO),
        ("-1", "+1", LAST_OF_TWO),
    ),
    ("resample_advanced", "can_choose = weights.sum(dim={}, keepdim=True) > 0"): (
        ("-1", "1", LAST_OF_TWO),
        ("-1", "+1", LAST_OF_TWO),
    ),
    ("resample_advanced", "can_choose = weights.sum(dim=-1, keepdim=True) {} 0"): ((">", "!=", NEVER_NEGATIVE),),
    ("resample_advanced", "weights = t.where(largest {} 0, L_reconstruction, 0.0)"): ((">", "!=", NEVER_NEGATIVE),),
    (
        "resample_advanced",
        "self.replace_latents(dead {} can_choose, F.normalize(chosen, dim=-1), resample_scale * mean_norm)",
    ): (("&", "*", BOOLEAN),),
    (
        "resample_advanced",
        "weights = (weights {} weights.amax(dim=0).clamp_min(t.finfo(h.dtype).tiny)).pow(2).mT"
        "  # [inst batch], at most 1",
    ): (("/", "*", SCALED),),
    (
        "resample_advanced",
        "chosen = (offset {} largest.clamp_min(t.finfo(h.dtype).tiny)[..., None]).transpose(0, 1)  # [inst batch d_in]",
    ): (("/", "*", SCALED),),
    ("keep_batch_top_k", "largest = pooled.topk(round(k * len(acts)), dim={})"): (
        ("-1", "1", LAST_OF_TWO),
        ("-1", "+1", LAST_OF_TWO),
    ),
    ("keep_batch_top_k", "kept = t.zeros_like(pooled).scatter({}, largest.indices, largest.values)"): (
        ("-1", "1", LAST_OF_TWO),
        ("-1", "+1", LAST_OF_TWO),
    ),
    (
        "nested_reconstruction_loss",
        "parts = zip(acts[..., :used].split(sizes, dim=-1), W_dec[:, :used].split(sizes, dim=1), strict={})",
    ): (("True", "False", "both are split into the same groups"),),
    ("rectangle", "return (x.abs() {} width / 2).to(x.dtype)"): (("<", "<=", EDGES),),
    ("jumprelu", "to_z = (z {} theta) * grad_output"): ((">", ">=", EDGES),),
    ("gated_sae", "acts_post = (gate_pre {} 0).to(h.dtype) * magnitude"): ((">", ">=", NEVER_ZERO),),
    ("expected_loss", "return (error * chance).sum(dim={})"): (("-1", "1", LAST_OF_TWO), ("-1", "+1", LAST_OF_TWO)),
    (
        "strongest_attack",
        "attack = t.where(length {} 0, norm * gradient / length, attack.detach())",
    ): ((">", "!=", NEVER_NEGATIVE),),
}

# (exercise, "line as it is  ->  line as changed") -> reason
EQUIVALENT: dict[tuple[str, str], str] = {
    (exercise, f"{line.format(before)}  ->  {line.format(after)}"): reason
    for (exercise, line), changes in _REASONS.items()
    for before, after, reason in changes
}
