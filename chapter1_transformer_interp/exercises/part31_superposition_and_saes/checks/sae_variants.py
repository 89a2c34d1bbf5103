"""Tests of section 5: gated and JumpReLU autoencoders."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch as t
from torch import Tensor, nn
from torch.nn import functional as F

from .. import solutions
from ..checking.compare import Mistake, Mistakes, compare, compare_gradients, is_tensor
from ..checking.outcome import Failure
from ..checking.runner import Trial, learner_test
from .models import FIXED_BATCH, FIXED_SIZE, check_parameter
from .sae import unpack
from .sae_models import NOTEBOOK, ONE, TIED, WIDE, SAESizes, make_toy_model, read_property

LATENTS, INPUTS = "inst d_sae", "inst d_in"
GATED = {"W_gate": "inst d_in d_sae", "b_gate": LATENTS, "r_mag": LATENTS, "b_mag": LATENTS}
JUMP = {"W_enc": "inst d_in d_sae", "b_enc": LATENTS, "log_theta": LATENTS}
SHARED = {"_W_dec": "inst d_sae d_in", "b_dec": INPUTS}
FIELDS = {"sparsity_coeff": 0.35, "ste_epsilon": 0.3, "theta_init": 0.25}
CASES = (
    (NOTEBOOK, 64, None),
    (NOTEBOOK, 6, FIXED_BATCH),
    (WIDE, 11, FIXED_SIZE),
    (ONE, 9, ("one-instance", "Do not squeeze the inst axis.")),
    (TIED, 8, ("tied", "With tied weights _W_dec is None: decode through self.W_dec_normalized.")),
)
# What forward gives with one thing wrong: for each of its results, from the reference, h, and the right results.
Known = Callable[[Any, Tensor, dict[str, Tensor]], dict[str, list[Mistake]]]


def _axes(own: dict[str, str], sizes: SAESizes) -> dict[str, str]:
    tied = sizes.fields.get("tied_weights")
    return own | {name: axes for name, axes in SHARED.items() if not (tied and name == "_W_dec")}


def _shape(axes: str, sizes: SAESizes) -> tuple[int, ...]:
    return tuple({"inst": sizes.inst, "d_in": sizes.d_in, "d_sae": sizes.d_sae}[axis] for axis in axes.split())


def _make(trial: Trial, sae_class: Any, sizes: SAESizes, own: dict[str, str]) -> tuple[Any, Any]:
    """A learner's autoencoder and the reference, with the same parameters, large enough that every term shows."""
    name = trial.class_name
    toy, cfg = make_toy_model(trial, sizes), sizes.cfg(**FIELDS)
    sae = trial.call(f"{name}(cfg, model)", sae_class, cfg, solutions.copies_of_first(toy, cfg))
    if not issubclass(type(sae), nn.Module):
        raise Failure("not-a-module", f"{name} is not an nn.Module.", f"Write class {name}(nn.Module).")
    reference = getattr(solutions, name)(cfg, toy)
    for parameter, axes in _axes(own, sizes).items():
        check_parameter(sae, parameter, axes, _shape(axes, sizes))
    return sae, reference


def _set(trial: Trial, sae: Any, reference: Any, sizes: SAESizes, own: dict[str, str]) -> dict[str, Tensor]:
    """Give both the same parameters; returns the learner's, to be watched."""
    with t.no_grad():
        for parameter, axes in _axes(own, sizes).items():
            value = trial.normal(*_shape(axes, sizes)) * (0.8 if axes.count(" ") == 2 else 0.4)
            if parameter == "log_theta":  # above ste_epsilon / 2, where a ReLU before the jump makes no difference
                value = trial.uniform(*_shape(axes, sizes), low=0.2, high=0.7).log()
            for one in (sae, reference):
                getattr(one, parameter).copy_(value)
    return {name: getattr(sae, name) for name in _axes(own, sizes)}


def _check_forward(
    trial: Trial, sae: Any, reference: Any, rows: int, watch: dict[str, Tensor], known: Known, terms: tuple[str, ...]
) -> None:
    h = _clear_of_edges(trial, reference, rows)
    mine, right = h.clone().requires_grad_(), h.clone().requires_grad_()
    forward = trial.method(sae, "forward")
    loss_dict, loss, acts, out = unpack(trial.call("forward(h)", forward, mine, watch={"h": mine, **watch}))
    if missing := [name for name in terms if name not in loss_dict]:
        raise Failure("loss-keys", f"loss_dict has no {', '.join(missing)}.", f"It has: {', '.join(loss_dict)}.")
    terms_right, loss_right, acts_right, out_right = reference(right)
    results = {"acts_post": acts_right, "h_reconstructed": out_right, **terms_right, "loss": loss_right}
    if is_tensor(acts) and is_tensor(out) and acts.shape == out_right.shape != acts_right.shape == out.shape:
        raise Failure("order", "the last two are swapped.", "Return loss_dict, loss, acts_post, h_reconstructed.")
    plain = {name: value.detach() for name, value in results.items()}
    got = {"acts_post": acts, "h_reconstructed": out, **loss_dict, "loss": loss}
    for name, axes in (("acts_post", "batch inst d_sae"), ("h_reconstructed", "batch inst d_in")):
        compare(
            got[name], results[name], axes, mistakes=_lazily(known, name, reference, h, plain), what=name, grad=True
        )
    for name in (*terms, "loss"):
        mistakes = _lazily(known, name, reference, h, plain)
        grad = None if name == "L_sparsity" else True
        compare(got[name], results[name], "batch inst", mistakes=mistakes, what=name, grad=grad)
    _check_gradients(trial, reference, watch, known, (mine, got), (right, results))


def _lazily(known: Known, name: str, reference: Any, h: Tensor, plain: dict[str, Tensor]) -> Mistakes:
    return lambda: known(reference, h, plain).get(name, [])


def _clear_of_edges(trial: Trial, reference: Any, rows: int) -> Tensor:
    """Inputs for which no latent stands on the brink of firing, or at the edge of a window."""
    h = trial.normal(rows, reference.cfg.n_inst, reference.cfg.d_in)
    for _ in range(50):
        near = _near_an_edge(reference, h)
        if not near.any():
            break
        h = t.where(near[..., None], trial.normal(*h.shape), h)
    return h


def _near_an_edge(reference: Any, h: Tensor, gap: float = 2e-4) -> Tensor:
    with t.no_grad():
        read = t.einsum("bid,ids->bis", h - reference.b_dec, reference.encoder)
        if hasattr(reference, "b_gate"):
            marks = [read + reference.b_gate, read * reference.r_mag.exp() + reference.b_mag]
        else:
            over = read + reference.b_enc - reference.theta
            marks = [over, over.abs() - reference.cfg.ste_epsilon / 2]
        return t.stack([mark.abs() < gap for mark in marks]).any(0).any(-1)


def _check_gradients(
    trial: Trial,
    reference: Any,
    watch: dict[str, Tensor],
    known: Known,
    mine: tuple[Tensor, Any],
    right: tuple[Tensor, Any],
) -> None:
    weights = trial.uniform(*right[1]["loss"].shape, low=0.5, high=1.5)
    names = [*watch, "h"]
    inputs = [*watch.values(), mine[0]]
    total = (mine[1]["loss"] * weights).sum()
    got = trial.call("the backward pass of forward", t.autograd.grad, total, inputs, allow_unused=True)
    inputs_right = [*(getattr(reference, name) for name in watch), right[0]]
    wanted = t.autograd.grad((right[1]["loss"] * weights).sum(), inputs_right, retain_graph=True)
    plain = {name: value.detach() for name, value in right[1].items()} | {"weights": weights}
    mistakes = {name: _lazily(known, f"gradient to {name}", reference, right[0].detach(), plain) for name in names}
    compare_gradients(dict(zip(names, got, strict=True)), dict(zip(names, wanted, strict=True)), mistakes=mistakes)


# ---- gated


def gated_mistakes(sae: solutions.GatedToySAE, h: Tensor, right: dict[str, Tensor]) -> dict[str, list[Mistake]]:
    """What a gated forward pass gives with one thing wrong."""
    this = "these are the values that you get"
    W, D, b = sae.W_gate.detach(), sae.W_dec_normalized.detach(), sae.b_dec.detach()
    scale, b_gate, b_mag = sae.r_mag.detach().exp(), sae.b_gate.detach(), sae.b_mag.detach()
    read, read_h = t.einsum("bid,ids->bis", h - b, W), t.einsum("bid,ids->bis", h, W)
    gate, size = read + b_gate, read * scale + b_mag
    on, acts = (gate > 0).to(h), right["acts_post"]

    def decode(values: Tensor, weights: Tensor = D, bias: Tensor | float = b) -> Tensor:
        return t.einsum("bis,isd->bid", values, weights) + bias

    gate_acts, out = F.relu(gate), right["h_reconstructed"]
    squared, c = (out - h) ** 2, sae.cfg.sparsity_coeff
    aux = (decode(gate_acts) - h) ** 2
    rec, l1, l_aux = right["L_reconstruction"], right["L_sparsity"], right["L_aux"]
    formula = "acts = 1[pi > 0] * ReLU(W_mag (h - b_dec) + b_mag)."
    return {
        "acts_post": [
            Mistake("gate-ignored", f"{this} without the gate.\n{formula}", F.relu(size)),
            Mistake("magnitude-ignored", f"{this} when the gate's ReLU is the activation.\n{formula}", gate_acts),
            Mistake("gate-alone", f"{this} when the gate, 0 or 1, is the activation.\n{formula}", on),
            Mistake("no-relu", f"{this} without the ReLU of the magnitude.\n{formula}", on * size),
            Mistake("r_mag-ignored", f"{this} without exp(r_mag).\n{formula}", on * F.relu(read + b_mag)),
            Mistake(
                "r_mag-not-exp",
                f"{this} with r_mag in place of exp(r_mag).",
                on * F.relu(read * sae.r_mag.detach() + b_mag),
            ),
            Mistake(
                "r_mag-scales-bias",
                f"{this} when exp(r_mag) multiplies b_mag too.",
                on * F.relu((read + b_mag) * scale),
            ),
            Mistake(
                "r_mag-in-gate",
                f"{this} when the gate is rescaled by exp(r_mag) too.",
                (read * scale + b_gate > 0) * F.relu(size),
            ),
            Mistake("b_mag-ignored", f"{this} without b_mag.\n{formula}", on * F.relu(read * scale)),
            Mistake("b_gate-ignored", f"{this} without b_gate.\n{formula}", (read > 0) * F.relu(size)),
            Mistake(
                "b_gate-for-b_mag",
                f"{this} with b_gate in the magnitude.\n{formula}",
                on * F.relu(read * scale + b_gate),
            ),
            Mistake(
                "biases-exchanged",
                f"{this} when b_gate and b_mag are exchanged.",
                (read + b_mag > 0) * F.relu(read * scale + b_gate),
            ),
            Mistake(
                "gate-from-magnitude", f"{this} when both biases are in the magnitude.", on * F.relu(size + b_gate)
            ),
            Mistake("soft-gate", f"{this} with a sigmoid for the gate. It is 0 or 1.", t.sigmoid(gate) * F.relu(size)),
            Mistake(
                "gate-times-magnitude",
                f"{this} when the gate's value multiplies the magnitude.\nThe gate is 0 or 1.",
                gate_acts * F.relu(size),
            ),
            Mistake("gate-inverted", f"{this} when latents fire where pi < 0.", (1 - on) * F.relu(size)),
            Mistake(
                "no-b_dec",
                f"{this} when b_dec is not subtracted from h.",
                (read_h + b_gate > 0) * F.relu(read_h * scale + b_mag),
            ),
        ],
        "h_reconstructed": [
            Mistake("no-b_dec", f"{this} without b_dec.\nAdd it to what is decoded.", decode(acts, bias=0.0)),
            Mistake(
                "not-normalized",
                f"{this} with W_dec as it is.\nDecode through W_dec_normalized.",
                decode(acts, sae.W_dec.detach()),
            ),
            Mistake("gate-decoded", f"{this} when the gate's ReLU is decoded.\nDecode acts_post.", decode(gate_acts)),
        ],
        "L_reconstruction": [
            Mistake("sum-for-mean", f"{this} with a sum over d_in. Here it is a mean.", squared.sum(-1)),
            Mistake("gate-loss", f"{this} for the gate's reconstruction.\nThat is L_aux.", aux.mean(-1)),
            Mistake("absolute-error", f"{this} with absolute errors. Square them.", squared.sqrt().mean(-1)),
            Mistake("halved", f"{this} with a factor 1/2.", squared.mean(-1) / 2),
        ],
        "L_sparsity": [
            Mistake(
                "sparsity-of-acts",
                f"{this} for the activations.\nThe penalty falls on the gate: ReLU(pi).",
                acts.sum(-1),
            ),
            Mistake("no-relu-in-sparsity", f"{this} for |pi|. Take its ReLU first.", gate.abs().sum(-1)),
            Mistake("no-relu-in-sparsity", f"{this} for pi without its ReLU.", gate.sum(-1)),
            Mistake("l0", f"{this} when you count latents.\nSum ReLU(pi).", on.sum(-1)),
            Mistake("mean-for-sum", f"{this} with a mean over latents. Sum.", gate_acts.mean(-1)),
            Mistake(
                "weighted",
                f"{this} when it is multiplied by sparsity_coeff here.\nOnly in loss.",
                c * gate_acts.sum(-1),
            ),
            Mistake("l2", f"{this} with squares. It is an L1.", gate_acts.square().sum(-1)),
        ],
        "L_aux": [
            Mistake("mean-for-sum", f"{this} with a mean over d_in.\nL_aux is a sum, as in the paper.", aux.mean(-1)),
            Mistake(
                "no-b_dec",
                f"{this} without b_dec in the auxiliary decoding.",
                (decode(gate_acts, bias=0.0) - h).square().sum(-1),
            ),
            Mistake("acts-in-aux", f"{this} for decoding acts_post.\nDecode ReLU(pi).", squared.sum(-1)),
            Mistake("no-relu-in-aux", f"{this} for decoding pi without its ReLU.", (decode(gate) - h).square().sum(-1)),
            Mistake(
                "gate-in-aux",
                f"{this} for decoding the gate, 0 or 1.\nDecode ReLU(pi).",
                (decode(on) - h).square().sum(-1),
            ),
            Mistake(
                "not-normalized",
                f"{this} with W_dec as it is.\nUse W_dec_normalized.",
                (decode(gate_acts, sae.W_dec.detach()) - h).square().sum(-1),
            ),
            Mistake(
                "against-reconstruction",
                f"{this} when it is compared with h_reconstructed.\nCompare with h.",
                (decode(gate_acts) - out).square().sum(-1),
            ),
        ],
        "loss": [
            Mistake("aux-left-out", f"{this} without L_aux.", rec + c * l1),
            Mistake("coeff-left-out", f"{this} without sparsity_coeff.", rec + l1 + l_aux),
            Mistake("coeff-on-aux", f"{this} when sparsity_coeff multiplies L_aux too.", rec + c * (l1 + l_aux)),
            Mistake("sparsity-left-out", f"{this} without L_sparsity.", rec + l_aux),
            Mistake("reconstruction-left-out", f"{this} without L_reconstruction.", c * l1 + l_aux),
            Mistake(
                "loss-trained",
                f"{this} as training takes it.\nReturn it for every row.",
                (rec + c * l1 + l_aux).mean(0).sum(),
            ),
        ],
        **_gated_gradients(sae, h, right),
    }


def _gated_gradients(sae: solutions.GatedToySAE, h: Tensor, right: dict[str, Tensor]) -> dict[str, list[Mistake]]:
    """Gradients when something is cut off that should not be, or the other way about."""
    if "weights" not in right:
        return {}
    decoder = "_W_dec" if sae._W_dec is not None else "W_gate"
    thawed = "the values are right, and L_aux trains the decoder.\nDecode it through W_dec_normalized.detach()."
    bias = "the values are right, and L_aux trains b_dec through its decoder.\nUse b_dec.detach() there."
    frozen = "the values are right, and L_aux does not train the gate.\nDo not detach pi."
    found: dict[str, list[Mistake]] = {}
    for key, text, name, options in (
        ("aux-not-frozen", thawed, decoder, {"decoder": True}),
        ("aux-bias-not-frozen", bias, "b_dec", {"bias": True}),
        ("aux-gate-detached", frozen, "b_gate", {"gate": False}),
        ("aux-gate-detached", frozen, "W_gate", {"gate": False}),
    ):
        parameter = getattr(sae, name)
        (gradient,) = t.autograd.grad((_gated_loss(sae, h, **options) * right["weights"]).sum(), parameter)
        found.setdefault(f"gradient to {name}", []).append(Mistake(key, text, gradient))
    return found


def _gated_loss(
    sae: solutions.GatedToySAE, h: Tensor, decoder: bool = False, bias: bool = False, gate: bool = True
) -> Tensor:
    """The loss, with chosen parts of the auxiliary loss attached."""
    read = t.einsum("bid,ids->bis", h - sae.b_dec, sae.W_gate)
    pi, D = read + sae.b_gate, sae.W_dec_normalized
    acts = (pi > 0) * F.relu(read * sae.r_mag.exp() + sae.b_mag)
    rec = (t.einsum("bis,isd->bid", acts, D) + sae.b_dec - h).square().mean(-1)
    gate_acts = F.relu(pi)
    aux_acts = gate_acts if gate else gate_acts.detach()
    decoded = t.einsum("bis,isd->bid", aux_acts, D if decoder else D.detach())
    aux = (decoded + (sae.b_dec if bias else sae.b_dec.detach()) - h).square().sum(-1)
    return rec + sae.cfg.sparsity_coeff * gate_acts.sum(-1) + aux


@learner_test("gated_sae", "GatedToySAE.forward")
def test_gated_sae(trial: Trial, sae_class: Any) -> str:
    """Test `GatedToySAE`: its parameters, `W_mag` and `forward`: `tests.test_gated_sae(GatedToySAE)`."""
    for sizes, rows, suspect in CASES:
        with trial.case(f"{sizes}, a batch of {rows}", suspect):
            sae, reference = _make(trial, sae_class, sizes, GATED)
            _check_zero_start(sae, ("b_gate", "r_mag", "b_mag", "b_dec"))
            watch = _set(trial, sae, reference, sizes, GATED)
            terms = ("L_reconstruction", "L_sparsity", "L_aux")
            _check_forward(trial, sae, reference, rows, watch, gated_mistakes, terms)
            got = read_property(trial, sae, "W_mag", watch)
            compare(got, reference.W_mag, GATED["W_gate"], mistakes=partial(mag_mistakes, reference), what="W_mag")
    return "parameters, W_mag, values and gradients for 4 sizes, tied and not"


def mag_mistakes(sae: solutions.GatedToySAE) -> list[Mistake]:
    """What `W_mag` is with one thing wrong."""
    W, r = sae.W_gate.detach(), sae.r_mag.detach()
    return [
        Mistake("W_mag", "W_mag is W_gate itself.\nMultiply by exp(r_mag), latent by latent.", W),
        Mistake("W_mag", "W_mag is r_mag times W_gate. Take exp(r_mag).", r[:, None] * W),
        Mistake("W_mag", "W_mag is W_gate divided by exp(r_mag). Multiply.", W / r.exp()[:, None]),
    ]


def _check_zero_start(sae: Any, names: tuple[str, ...]) -> None:
    for name in names:
        if getattr(sae, name).detach().abs().max() > 0:
            raise Failure("bias-not-zero", f"{name} does not start at zero.", "Start it with t.zeros.")


# ---- JumpReLU


def jump_mistakes(sae: solutions.JumpReLUToySAE, h: Tensor, right: dict[str, Tensor]) -> dict[str, list[Mistake]]:
    """What a JumpReLU forward pass gives with one thing wrong."""
    this = "these are the values that you get"
    W, D, b, b_enc = sae.W_enc.detach(), sae.W_dec_normalized.detach(), sae.b_dec.detach(), sae.b_enc.detach()
    theta, log_theta = sae.theta.detach(), sae.log_theta.detach()
    read = t.einsum("bid,ids->bis", h - b, W)
    z, acts, out = read + b_enc, right["acts_post"], right["h_reconstructed"]
    z_of_h = t.einsum("bid,ids->bis", h, W) + b_enc

    def jump(values: Tensor, at: Tensor | float) -> Tensor:
        return values * (values > at)

    def decode(values: Tensor, weights: Tensor = D, bias: Tensor | float = b) -> Tensor:
        return t.einsum("bis,isd->bid", values, weights) + bias

    squared, c = (out - h) ** 2, sae.cfg.sparsity_coeff
    rec, l0 = right["L_reconstruction"], right["L_sparsity"]
    return {
        "acts_post": [
            Mistake("relu", f"{this} with a ReLU.\nUse JumpReLU.apply(z, theta, eps).", F.relu(z)),
            Mistake(
                "soft-threshold", f"{this} when theta is subtracted.\nJumpReLU keeps z as it is.", F.relu(z - theta)
            ),
            Mistake(
                "log_theta",
                f"{this} with log_theta as the threshold.\nUse self.theta = exp(log_theta).",
                jump(z, log_theta),
            ),
            Mistake("log_theta", f"{this} with log_theta as the threshold, after a ReLU.", F.relu(z) * (z > log_theta)),
            Mistake("theta-exp-twice", f"{this} with exp(theta) as the threshold.", jump(z, theta.exp())),
            Mistake(
                "theta_init",
                f"{this} with cfg.theta_init as the threshold.\nUse self.theta, which is learned.",
                jump(z, sae.cfg.theta_init),
            ),
            Mistake("first-instance", f"{this} with the thresholds of instance 0.", jump(z, theta[0])),
            Mistake("no-b_enc", f"{this} without b_enc.", jump(read, theta)),
            Mistake("no-b_dec", f"{this} when b_dec is not subtracted from h.", jump(z_of_h, theta)),
            Mistake("bias-after-jump", f"{this} when b_enc is added after the jump.", jump(read, theta) + b_enc),
            Mistake("step", f"{this} with Heaviside: 0 or 1.\nUse JumpReLU.", (z > theta).to(h)),
            Mistake("absolute", f"{this} with abs(z) > theta.", z * (z.abs() > theta)),
            Mistake("below", f"{this} when latents fire below their threshold.", z * (z < theta)),
            Mistake("input-returned", f"{this} when nothing is cut off.", z),
        ],
        "h_reconstructed": [
            Mistake("no-b_dec", f"{this} without b_dec.\nAdd it to what is decoded.", decode(acts, bias=0.0)),
            Mistake(
                "not-normalized",
                f"{this} with W_dec as it is.\nDecode through W_dec_normalized.",
                decode(acts, sae.W_dec.detach()),
            ),
            Mistake("z-decoded", f"{this} when the pre-activations are decoded.", decode(z)),
        ],
        "L_reconstruction": [
            Mistake("sum-for-mean", f"{this} with a sum over d_in. Here it is a mean.", squared.sum(-1)),
            Mistake("absolute-error", f"{this} with absolute errors. Square them.", squared.sqrt().mean(-1)),
            Mistake("halved", f"{this} with a factor 1/2.", squared.mean(-1) / 2),
        ],
        "L_sparsity": [
            Mistake("l1", f"{this} for the L1.\nCount the latents that fire: Heaviside.apply.", acts.sum(-1)),
            Mistake("mean-for-sum", f"{this} with a mean over latents. Sum.", (z > theta).to(h).mean(-1)),
            Mistake("above-zero", f"{this} when you count z > 0. Count z > theta.", (z > 0).to(h).sum(-1)),
            Mistake("weighted", f"{this} when it is multiplied by sparsity_coeff here.\nOnly in loss.", c * l0),
            Mistake("silent-counted", f"{this} when you count the silent ones.", (z <= theta).to(h).sum(-1)),
        ],
        "loss": [
            Mistake("coeff-left-out", f"{this} without sparsity_coeff.", rec + l0),
            Mistake("sparsity-left-out", f"{this} without L_sparsity.", rec),
            Mistake("reconstruction-left-out", f"{this} without L_reconstruction.", c * l0),
            Mistake(
                "loss-trained", f"{this} as training takes it.\nReturn it for every row.", (rec + c * l0).mean(0).sum()
            ),
        ],
        **_jump_gradients(sae, h, right),
    }


def _jump_gradients(sae: solutions.JumpReLUToySAE, h: Tensor, right: dict[str, Tensor]) -> dict[str, list[Mistake]]:
    """Gradients to the thresholds when one of the two ways to them is missing, or the window is not the config's."""
    if "weights" not in right:
        return {}
    no_penalty = "the values are right, and the penalty gives log_theta no gradient.\nCount with Heaviside.apply."
    no_jump = "the values are right, and the reconstruction gives log_theta no gradient.\nUse JumpReLU.apply."
    window = "the values are right, and the window has another width.\nPass self.cfg.ste_epsilon as eps."
    cases = [
        ("penalty-no-gradient", no_penalty, sae.cfg.ste_epsilon, 1.0, 0.0),
        ("jump-no-gradient", no_jump, sae.cfg.ste_epsilon, 0.0, 1.0),
        *[("fixed-eps", window, eps, 1.0, 1.0) for eps in (1.0, 0.1, 0.05, 0.01, 0.001)],
    ]
    found = []
    for key, text, eps, by_jump, by_penalty in cases:
        theta = sae.theta
        z = t.einsum("bid,ids->bis", h - sae.b_dec.detach(), sae.W_enc.detach()) + sae.b_enc.detach()
        acts = solutions.JumpReLU.apply(z, theta, eps)
        acts = acts if by_jump else acts.detach() + 0 * theta
        out = t.einsum("bis,isd->bid", acts, sae.W_dec_normalized.detach()) + sae.b_dec.detach()
        l0 = solutions.Heaviside.apply(z, theta, eps).sum(-1)
        l0 = l0 if by_penalty else l0.detach()
        loss = (out - h).square().mean(-1) + sae.cfg.sparsity_coeff * l0
        (gradient,) = t.autograd.grad((loss * right["weights"]).sum(), sae.log_theta)
        found.append(Mistake(key, text, gradient))
    return {"gradient to log_theta": found}


@learner_test("jumprelu_sae", "JumpReLUToySAE.forward")
def test_jumprelu_sae(trial: Trial, sae_class: Any) -> str:
    """Test `JumpReLUToySAE`: its parameters, `theta` and `forward`: `tests.test_jumprelu_sae(JumpReLUToySAE)`."""
    for sizes, rows, suspect in CASES:
        with trial.case(f"{sizes}, a batch of {rows}", suspect):
            sae, reference = _make(trial, sae_class, sizes, JUMP)
            _check_zero_start(sae, ("b_enc", "b_dec"))
            start = read_property(trial, sae, "theta", {})
            known = [
                Mistake(
                    "theta-start",
                    "theta starts at exp(theta_init).\nStart log_theta at log(theta_init).",
                    reference.theta.exp(),
                ),
                Mistake(
                    "theta-start",
                    "theta starts at 1: log_theta starts at 0.\nStart it at log(theta_init).",
                    t.ones_like(reference.theta),
                ),
                Mistake("theta", "theta is log_theta. Take its exp.", reference.log_theta),
            ]
            compare(start, reference.theta, LATENTS, mistakes=partial(list, known), what="theta at the start")
            watch = _set(trial, sae, reference, sizes, JUMP)
            _check_forward(trial, sae, reference, rows, watch, jump_mistakes, ("L_reconstruction", "L_sparsity"))
    return "parameters, theta, values and gradients for 4 sizes, tied and not"
