"""Results for the eye: fitted parameters and counts."""

from __future__ import annotations

import pytest

from frontend.outcomes import Parameter, facts, fit_summary, groups
from frontend.templatetags.frontend import measured, query_string, unit

FIT = {
    "model": "power-law",
    "parameters": [
        {"name": "index", "value": 2.6132, "error": 0.0437, "unit": ""},
        {"name": "amplitude", "value": 4.312e-11, "error": 1.53e-12, "unit": "cm-2 s-1 TeV-1"},
        {"name": "reference", "value": 1.0, "error": 0.0, "unit": "TeV"},
    ],
    "covariance": [[0.0019, 0], [0, 2.3e-24]],
    "stat": 38.21,
    "dof": 30,
    "reference_energy_TeV": 1.0,
    "n_on": 678,
    "n_off": 1233,
    "alpha": 0.0833333,
    "livetime_s": 6313.8,
    "energy_range_TeV": [0.661, 100.0],
    "obs_ids": ["23523", "23526"],
}


def test_fit() -> None:
    fit = fit_summary(FIT)
    assert fit.model == "power law"
    assert fit.reference == "1 TeV"
    assert fit.parameters[1] == Parameter("amplitude", "4.31e-11", "0.15e-11", "cm-2 s-1 TeV-1", frozen=False)
    assert [p.name for p in fit.headline] == ["index", "amplitude"]
    assert dict(fit.facts) == {
        "Events in the on region": "678",
        "Events in the off regions": "1233",
        "Exposure ratio on/off (alpha)": "0.08333",
        "Fit statistic": "38.2",
        "Degrees of freedom": "30",
        "Livetime": "105.2 min",
        "Energies": "0.661 – 100 TeV",
        "Observations": "23523, 23526",
    }


def test_fit_without_numbers() -> None:
    """NaN is null in JSON; a page shows a dash, and never fails."""
    fit = fit_summary({"parameters": [{"name": "index", "value": None, "error": None, "unit": ""}], "stat": None})
    assert fit.parameters == (Parameter("index", "–", "–", "", frozen=True),)
    assert fit.facts == ()


def test_a_significance_says_which_it_is() -> None:
    """Of counts in on and off regions, of a fit, and of counts above a known background."""
    document = {"significance": 6.54}
    assert facts(document | {"alpha": 0.1})[1:] == (("Significance (Li & Ma)", "6.5 σ"),)
    assert facts(document | {"ts": 42.8}) == (("Significance (√TS)", "6.5 σ"),)
    assert facts(document | {"alpha": None}) == (("Significance (Cash)", "6.5 σ"),)


def test_groups_that_are_compared() -> None:
    """A row for each group, and one for the spectrum that is fitted to all of them."""
    rows = FIT["parameters"]
    document = {
        "groups": [{"name": "a", **FIT, "significance": 12.34}, {"name": "b", "parameters": rows, "n_on": None}],
        "agreement": {"spectrum": {"common": rows}},
    }
    first, second, common = groups(document)
    assert [p.name for p in first.parameters] == ["index", "amplitude", "reference"]
    assert first.facts == ("678", "–", "12.3 σ")
    assert second.facts == ("–",) * 3
    assert (common.name, common.parameters) == ("all, one spectrum", first.parameters)
    assert groups({"groups": "x"}) == groups({}) == ()


def test_what_tests_say() -> None:
    ratio = {"ts": 4.0, "ts_dof": 1, "p_value": 0.0455, "sigma": 2.0}
    compared = {
        "models": [
            {"model": "power-law", "converged": True},
            {"model": "log-parabola", "converged": True, **ratio},
            {"model": "exponential-cut-off", "converged": False, "reason": "It did not converge."},
        ]
    }
    varies = {
        "energy_TeV": [0.631, 100.0],
        "likelihood_ratio": ratio,
        "fractional_variability": {"value": 0.345, "err": 0.152},
    }
    quiet = {"energy_TeV": [1, 2], "likelihood_ratio": None, "fractional_variability": None}
    found = facts({"comparison": compared, "variability": [varies, quiet], "agreement": {"shape": ratio}})
    assert dict(found) == {
        "Better than a power law: log-parabola": "2.0 σ",
        "p-value of a constant flux, 0.631 – 100 TeV": "0.045",
        "Fractional variability, 0.631 – 100 TeV": "0.34 ± 0.15",
        "p-value of one spectral shape": "0.045 (2.0 σ)",
    }
    assert facts({"comparison": None, "variability": "?", "agreement": []}) == ()


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("cm-2 s-1 TeV-1", "cm<sup>−2</sup> s<sup>−1</sup> TeV<sup>−1</sup>"),
        ("1 / (TeV s cm2)", "1 / (TeV s cm<sup>2</sup>)"),
        ("cm**-2", "cm<sup>−2</sup>"),
        ("", ""),
        ("<b>", "&lt;b&gt;"),
    ],
)
def test_units(text: str, html: str) -> None:
    assert unit(text) == html


def test_measured() -> None:
    assert measured(Parameter("a", "4.31e-11", "0.15e-11", "", False)) == "(4.31 ± 0.15) × 10<sup>−11</sup>"
    assert measured(Parameter("a", "2.613", "0.044", "", False)) == "2.613 ± 0.044"


def test_query_string() -> None:
    assert query_string({"target": "Crab Nebula", "page": "2"}, page=3) == "?target=Crab+Nebula&page=3"
    assert query_string({"target": "a&b"}, target=None) == "?"
    assert query_string(collection="x&y") == "?collection=x%26y"
