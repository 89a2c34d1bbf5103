"""A claim shows what was measured, travels in the cell's output, and fails the cell when it does not hold."""

from typing import Any

import part31_superposition_and_saes.claims as claims
import pytest
from part31_superposition_and_saes.claims import MIME, Claim, ClaimFailed, Measured, claim
from part31_superposition_and_saes.shipped import repeated_claims


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[Claim]:
    kept: list[Claim] = []
    monkeypatch.setattr(claims, "display", kept.append)
    return kept


def test_a_claim_that_holds_says_value_bound_and_margin(shown: list[Claim]) -> None:
    claim(3, "norms are 1", [Measured("norm", 1.01, at_least=0.98, at_most=1.02)], source="TMS")
    text = str(shown[0])
    assert text.startswith("✓ claim 3: norms are 1 (TMS)")
    assert "norm: 1.01 (needed: 0.98 to 1.02; margin 0.01)" in text


@pytest.mark.parametrize("value", [1.03, 0.97, float("nan"), float("inf")])
def test_a_claim_that_does_not_hold_is_shown_and_raises(shown: list[Claim], value: float) -> None:
    with pytest.raises(ClaimFailed, match="✗ claim 3"):
        claim(3, "norms are 1", [Measured("norm", value, at_least=0.98, at_most=1.02)], source="TMS")
    assert shown[0].to_json()["holds"] is False


def test_one_failing_measurement_of_several_fails_the_claim(shown: list[Claim]) -> None:
    with pytest.raises(ClaimFailed, match=r"✗ second: 2 \(needed: at most 1; margin -1\)"):
        claim(1, "both", [Measured("first", 1, at_most=1), Measured("second", 2, at_most=1)], source="TMS")


def test_the_outcome_travels_in_the_output(shown: list[Claim]) -> None:
    claim(9, "few", [Measured("count", 2, at_most=3)], source="TMS")
    bundle: dict[str, Any] = shown[0]._repr_mimebundle_()
    assert bundle["text/plain"] == str(shown[0])
    (measured,) = bundle[MIME]["measured"]
    assert measured == {"label": "count", "value": 2.0, "at_least": None, "at_most": 3, "margin": 1.0, "holds": True}


def test_a_claim_without_measurement_or_bound_is_refused() -> None:
    with pytest.raises(ValueError, match="claim 1 measures nothing"):
        claim(1, "nothing", [], source="TMS")
    with pytest.raises(ValueError, match="needs at_least, at_most or both"):
        Measured("norm", 1.0)


def test_in_a_notebook_a_failed_claim_is_one_block() -> None:
    assert ClaimFailed("✗ claim 3")._render_traceback_() == ["ClaimFailed: ✗ claim 3"]


def test_a_claim_says_how_often_it_held_when_repeated(shown: list[Claim]) -> None:
    (number, statement), (held, tried) = next(iter(repeated_claims().items()))
    claim(number, statement, [Measured("norm", 1.0, at_least=0)], "TMS")
    claim(number, "what nobody else has run", [Measured("norm", 1.0, at_least=0)], "TMS")
    assert f"over {tried} other seeds by `make claims`: held on {held}" in str(shown[0]) and tried == held >= 10
    assert "repeated" not in str(shown[1])
