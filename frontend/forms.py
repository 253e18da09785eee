"""The search form: target or position, time, energy and collection, checked field by field."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms

from frontend import quantities
from frontend.queries import Cone, Criteria

DEFAULT_RADIUS = 2.0


class QuantityField(forms.CharField):
    """Text that a function turns into a number, or refuses with a ValueError made for people."""

    def __init__(self, parse: Callable[[str], float], **options: Any) -> None:
        super().__init__(max_length=60, required=False, **options)
        self.parse = parse

    def clean(self, value: Any) -> float | None:
        text = super().clean(value)
        if not text:
            return None
        try:
            return self.parse(text)
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None


def _radius(text: str) -> float:
    value = quantities.parse_number(text)
    if not 0 < value <= 180:
        raise ValueError(f"The radius must be above 0 and at most 180 deg, not {value:g}.")
    return value


def _energy(text: str) -> float:
    value = quantities.parse_number(text)
    if not 1e-12 <= value <= 1e12:
        raise ValueError(
            f"An energy must be above 0 (in TeV), not {value:g}." if value <= 0 else "No photon has that energy."
        )
    return value


def _box(placeholder: str = "", **attributes: str) -> forms.TextInput:
    return forms.TextInput(
        attrs={"placeholder": placeholder, "autocomplete": "off", "spellcheck": "false", **attributes}
    )


class SearchForm(forms.Form):
    """Criteria of a search, as given in the URL; `criteria()` needs the position that the target resolved to."""

    target = forms.CharField(
        label="Target name",
        required=False,
        max_length=100,
        help_text="A source of this archive, or any name that Sesame (Simbad, NED, VizieR) knows.",
        widget=_box("Crab Nebula", list="targets"),
    )
    ra = QuantityField(
        quantities.parse_right_ascension,
        label="Right ascension",
        help_text="ICRS: degrees, or hours as 05:34:31.9",
        widget=_box("83.633"),
    )
    dec = QuantityField(
        quantities.parse_declination,
        label="Declination",
        help_text="ICRS: degrees, or +22:00:52",
        widget=_box("22.014"),
    )
    radius = QuantityField(
        _radius,
        label="Radius (deg)",
        help_text="Largest distance between the position and where the telescopes pointed.",
        widget=_box("2", inputmode="decimal"),
    )
    time_min = QuantityField(
        quantities.parse_time,
        label="From",
        help_text="Date (UTC) or MJD",
        widget=_box("2004-12-01"),
    )
    time_max = QuantityField(
        lambda text: quantities.parse_time(text, end=True),
        label="Until",
        help_text="Date (UTC) or MJD",
        widget=_box("2004-12-31"),
    )
    energy_min = QuantityField(_energy, label="Lowest energy (TeV)", widget=_box("0.5", inputmode="decimal"))
    energy_max = QuantityField(_energy, label="Highest energy (TeV)", widget=_box("20", inputmode="decimal"))
    collection = forms.CharField(label="Collection", required=False, max_length=64)

    def __init__(self, data: Any = None, collections: tuple[str, ...] = ()) -> None:
        super().__init__(data, label_suffix="")
        choices = [("", "all collections"), *((name, name) for name in collections)]
        self.fields["collection"].widget = forms.Select(choices=choices)
        self.collections = collections

    def clean_collection(self) -> str:
        name: str = self.cleaned_data["collection"]
        if name and name not in self.collections:
            known = ", ".join(self.collections) or "none yet"
            raise forms.ValidationError(f"There is no collection “{name}” here. Collections: {known}.")
        return name

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        has_target = bool(values.get("target"))
        for one, other, name in (("ra", "dec", "declination"), ("dec", "ra", "right ascension")):
            if values.get(one) is not None and values.get(other) is None and other not in self.errors:
                self.add_error(other, f"A position needs a {name} too.")
        if has_target and (values.get("ra") is not None or values.get("dec") is not None):
            self.add_error("target", "Give a target name or a position, not both.")
        if values.get("radius") is not None and not has_target and not (self.data.get("ra") or self.data.get("dec")):
            self.add_error("radius", "A radius needs a target name or a position.")
        self._ordered("time_min", "time_max", "The time range is upside down: it ends before it starts.")
        self._ordered("energy_min", "energy_max", "The energy range is upside down: the highest is below the lowest.")
        return values

    def _ordered(self, low: str, high: str, message: str) -> None:
        values = self.cleaned_data
        if values.get(low) is not None and values.get(high) is not None and values[low] > values[high]:
            self.add_error(high, message)

    @property
    def given(self) -> dict[str, str]:
        """The criteria as typed, without empty ones: what a permalink carries."""
        return {name: text for name in self.fields if (text := str(self.data.get(name, "")).strip())}

    def criteria(self, position: tuple[float, float] | None) -> Criteria:
        """Typed criteria of a valid form; `position` is where the target is, in ICRS degrees."""
        values = self.cleaned_data
        if values["ra"] is not None:
            position = (values["ra"], values["dec"])
        cone = None
        if position is not None:
            cone = Cone(*position, values["radius"] if values["radius"] is not None else DEFAULT_RADIUS)
        return Criteria(
            cone=cone,
            time_min=values["time_min"],
            time_max=values["time_max"],
            energy_min=values["energy_min"],
            energy_max=values["energy_max"],
            collection=values["collection"] or None,
        )
