"""Tests of section 5: resampling of dead latents, and its simple way."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from ..checking.compare import to_numpy
from ..checking.outcome import Failure
from ..checking.runner import Trial, learner_test
from .sae_models import SAESizes, make_sae, names_of, set_parameters

MANY = SAESizes(3, 3, 1000, 4)  # enough latents to see a distribution in
PLANE = SAESizes(2, 2, 5, 5)
TIED = SAESizes(3, 4, 9, 6, {"tied_weights": True})
SCALE = 0.37
CLOSE = 1e-4


@dataclass
class Resampled:
    """What a call changed: parameters before and after, as NumPy arrays; encoders as `[inst d_sae d_in]`."""

    dead: np.ndarray
    before: dict[str, np.ndarray]
    after: dict[str, np.ndarray]

    def norms(self, name: str) -> np.ndarray:
        return np.asarray(np.linalg.norm(self.after[name], axis=-1))

    def directions(self) -> np.ndarray:
        """Unit vectors of the new encoder columns, `[n_dead d_in]`, instances one after the other."""
        columns = self.after["W_enc"][self.dead]
        return np.asarray(columns / np.linalg.norm(columns, axis=-1, keepdims=True))


def make_window(trial: Trial, sizes: SAESizes, dead_share: float, one_lives: bool = False) -> tuple[Tensor, Tensor]:
    """`[window inst d_sae]` and which latents are dead in it; some of the live fired once, in one step.

    Args:
        dead_share: share of the latents that are dead.
        one_lives: latent 0 of every instance lives all the same.
    """
    window = trial.uniform(6, sizes.inst, sizes.d_sae, low=0.05, high=0.9)
    dead = trial.uniform(sizes.inst, sizes.d_sae) < dead_share
    if 0 < dead_share < 1:
        dead[:, :2], dead[:, 2:4] = False, True
        rare = window[:, :, 1]
        rare.zero_()
        rare[3] = 1 / 1024
        # Live latents pause in single steps, as real ones do.
        window[trial.uniform(*window.shape) < 0.3] = 0
        window[0, :, 0] = 0.5
        window[3, :, 1] = 1 / 1024
        quiet = (window == 0).all(0) & ~dead
        window[0][quiet] = 0.2
    dead[:, 0] &= not one_lives
    window.masked_fill_(dead, 0)
    return window, dead


def resample(
    trial: Trial,
    sae: Any,
    sizes: SAESizes,
    window: Tensor,
    dead: Tensor,
    call: Callable[[], Any],
    allow_nan: bool = False,
) -> Resampled:
    """Call a learner's method and check what holds for every way to resample; dead latents may be NaN if so told."""
    held = {name: getattr(sae, name) for name in names_of(sizes)}
    before = {name: to_numpy(value).copy() for name, value in held.items()}
    method = trial.exercise
    trial.call(f"{method}(frac_active_in_window, ...)", call, watch={"frac_active_in_window": window})
    for name, value in held.items():
        if getattr(sae, name, None) is not value:
            headline = f"{name} is a new tensor: the optimizer goes on training the old one."
            raise Failure("not-in-place", headline, "Change it in place, as with .data[...] = or copy_ under no_grad.")
    after = {name: to_numpy(value).copy() for name, value in held.items()}
    for arrays in (before, after):
        arrays["W_enc"] = arrays["W_enc"].transpose(0, 2, 1)
    found = Resampled(to_numpy(dead).astype(bool), before, after)
    _check_untouched(found, allow_nan)
    return found


def _check_untouched(found: Resampled, allow_nan: bool) -> None:
    dead, before, after = found.dead, found.before, found.after
    for name, array in after.items():
        if not allow_nan and not np.isfinite(array).all():
            where = "where a direction or a norm is 0" if np.isnan(array).any() else "somewhere"
            raise Failure("nan", f"{name} holds NaN or infinity afterwards.", f"Look for a division by zero {where}.")
    if (after["b_dec"] != before["b_dec"]).any():
        raise Failure("b_dec-changed", "b_dec is changed.", "It belongs to no latent: leave it alone.")
    for name in ("W_enc", "_W_dec", "b_enc"):
        if name not in after:
            continue
        changed = after[name] != before[name]
        changed = changed.any(-1) if changed.ndim == 3 else changed
        if (changed & ~dead).any():
            places = np.argwhere(changed & ~dead)
            inst, latent = places[-1]
            if (places[:, 1] == 1).all():
                headline = f"{name} of a latent that fired, once, in one step is changed."
                raise Failure(
                    "rare-latent", headline, "Dead is who never fired in the whole window: == 0 in all steps."
                )
            advice = "Dead is who was silent in every step of the window: .all(dim=0) of == 0."
            raise Failure("live-changed", f"{name} of live latent {latent} of instance {inst} is changed.", advice)
        if not dead.any():
            continue
        kept = dead & ~changed
        if kept.all(where=dead) and (name != "b_enc" or (before[name][dead] != 0).any()):
            raise Failure(f"{name.strip('_')}-kept", f"{name} of dead latents is not changed.", _WANTED[name])
        if name != "b_enc" and kept.any():
            raise Failure("some-dead-kept", f"{name} of {kept.sum()} of {dead.sum()} dead latents is not changed.")


_WANTED = {
    "W_enc": "Set W_enc[inst, :, latent] along the new direction.",
    "_W_dec": "Set _W_dec[inst, latent] to the new unit vector.",
    "b_enc": "Set b_enc of dead latents to 0.",
}


def check_latents(found: Resampled, encoder_norm: np.ndarray, wrong_norms: dict[str, tuple[str, np.ndarray]]) -> None:
    """Check that new decoder rows are unit vectors, encoder columns lie along them at the right length, biases are 0.

    Args:
        found: what the call changed.
        encoder_norm: `[inst d_sae]`, or anything that broadcasts to it.
        wrong_norms: diagnosis -> text and the lengths that a known mistake gives.
    """
    dead = found.dead
    if np.abs(found.after["b_enc"][dead]).max(initial=0) > 0:
        raise Failure("bias-not-zero", "b_enc of dead latents is not 0 afterwards.", _WANTED["b_enc"])
    if "_W_dec" in found.after:
        norms = found.norms("_W_dec")[dead]
        if np.abs(norms - 1).max(initial=0) > CLOSE:
            headline = f"the new decoder rows have norms of {norms.min():.3g} to {norms.max():.3g}, expected 1."
            raise Failure("decoder-not-unit", headline, "Only the encoder is scaled.")
        cosine = (found.directions() * found.after["_W_dec"][dead]).sum(-1)
        if cosine.min(initial=1) < 1 - CLOSE:
            opposite = np.abs(cosine + 1).max() < CLOSE
            headline = "the new encoder columns do not point along the new decoder rows."
            advice = (
                "They are opposite." if opposite else "Use one direction for both: was it drawn, or ordered, twice?"
            )
            raise Failure("encoder-not-along", headline, advice)
    got = found.norms("W_enc")
    wanted = np.broadcast_to(encoder_norm, dead.shape)
    if np.abs(got - wanted)[dead].max(initial=0) <= CLOSE * max(1.0, wanted.max()):
        return
    first = tuple(np.argwhere(dead & (np.abs(got - wanted) > CLOSE))[0])
    detail = f"latent {first[1]} of instance {first[0]}: norm {got[first]:.4g}, expected {wanted[first]:.4g}"
    for key, (text, norm) in wrong_norms.items():
        wrong = np.broadcast_to(norm, dead.shape)
        if np.abs(got - wrong)[dead].max(initial=0) <= CLOSE * max(1.0, np.nanmax(wrong)):
            raise Failure(key, *text.split("\n"), detail)
    raise Failure("encoder-norm", "the new encoder columns have another length than asked for.", detail)


# ---- simple


@learner_test("resample_simple", "ToySAE.resample_simple")
def test_resample_simple(trial: Trial, sae_class: Any) -> str:
    """Test `ToySAE.resample_simple`: `tests.test_resample_simple(ToySAE)`."""
    with trial.case("some latents dead"):
        first = _simple(trial, sae_class, MANY, 0.8)
        _check_random(first.directions(), [int(n) for n in first.dead.sum(1)])
    with trial.case("no latent dead", named=True):
        _simple(trial, sae_class, PLANE, 0.0)
    with trial.case("all latents dead", named=True):
        _simple(trial, sae_class, PLANE, 1.0)
    with trial.case("tied weights", ("tied", "With tied weights _W_dec is None: set the encoder alone."), named=True):
        _simple(trial, sae_class, TIED, 0.5)
    return "some, none and all latents dead, tied weights, directions uniform, live latents as before"


def _simple(trial: Trial, sae_class: Any, sizes: SAESizes, dead_share: float) -> Resampled:
    sae, reference = make_sae(trial, sae_class, sizes)
    set_parameters(trial, sae, reference, sizes)
    window, dead = make_window(trial, sizes, dead_share)
    method = trial.method(sae, "resample_simple")
    found = resample(trial, sae, sizes, window, dead, lambda: method(window, SCALE))
    wrong = {
        "encoder-not-scaled": ("the new encoder columns have norm 1.\nMultiply by resample_scale.", np.ones(1)),
        "encoder-scale-squared": ("the scale is applied twice.", np.full(1, SCALE**2)),
        "encoder-scale-inverse": ("you divide by resample_scale. Multiply.", np.full(1, 1 / SCALE)),
    }
    check_latents(found, np.full(1, SCALE), wrong)
    return found


def _check_random(directions: np.ndarray, counts: list[int]) -> None:
    """Check that directions differ from each other and are uniform on the sphere; `counts` are those of instances."""
    instances = np.split(directions, np.cumsum(counts)[:-1])
    if all(np.abs(one - one[0]).max() < CLOSE for one in instances):
        raise Failure("same-direction", "all dead latents of an instance get the same direction.", "Draw one for each.")
    least = min(counts)
    if np.abs(instances[0][:least] - instances[1][:least]).max() < CLOSE:
        raise Failure("instances-equal", "all instances get the same directions.", "Draw with the inst axis.")
    if (directions >= 0).all():
        advice = "t.rand is never negative: use t.randn."
        raise Failure("one-quadrant", "all new directions lie where every coordinate is positive.", advice)
    n, d = directions.shape
    # On the sphere a coordinate has mean 0, variance 1/d, fourth moment 3 / (d (d + 2)); bounds of six standard errors.
    mean, fourth = directions.mean(0), (directions**4).mean()
    if np.abs(mean).max() > 6 / np.sqrt(n * d):
        raise Failure("not-uniform", "the new directions are not centred on zero: some half of space is preferred.")
    # In three dimensions the fourth moment, mean over coordinates, has a standard deviation of 0.060 a direction.
    if abs(fourth - 3 / (d * (d + 2))) > 6 * 0.06 / np.sqrt(n):
        advice = "A vector of normal numbers (t.randn), divided by its norm, prefers no direction."
        raise Failure("not-uniform", "the new directions are not uniform on the sphere.", advice)
