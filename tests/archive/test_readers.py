"""The readers of other formats than GADF events: what they read, what they refuse and why, what they note."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.time import Time

from archive.obscore.mapping import INTERVALS_LIMIT, coverage_order, hea_values, obscore_values, wavelength
from archive.readers.records import ObservationRecord, ProductRecord, Refused
from archive.readers.scanning import Found, scan
from archive.readers.sketches import CurveSketch, FluxSketch, SourcesSketch, SpectrumSketch
from tests.archive import products, samples
from vo.tmoc import degrade


def found_in(folder: Path) -> dict[str, Found]:
    return {found.candidate.label: found for found in scan(folder)}


def read(path: Path, reader: str) -> ProductRecord:
    """The only data set of a file or folder, by the reader that must be the one."""
    (found,) = scan(path)
    if found.reader is None:
        raise Refused(found.candidate.refusal or "")
    assert found.reader.name == reader
    return found.reader.read(found.candidate)


def refusal(path: Path, reader: str) -> str:
    with pytest.raises(Refused) as caught:
        read(path, reader)
    assert "\n" not in caught.value.reason
    return caught.value.reason


def cut(path: Path) -> None:
    """Leave out the end of a file."""
    path.write_bytes(path.read_bytes()[:-2880])


# --- OGIP spectra ---


def test_a_spectrum_and_what_belongs_to_it(tmp_path: Path) -> None:
    """OGIP/92-007: BACKFILE, ANCRFILE, RESPFILE; energies are those of good channels that have an effective area."""
    products.ogip(tmp_path)
    record = read(tmp_path, "ogip")
    assert [(f.name, dict(f.hdus)) for f in record.files] == [
        ("src.fits", {"spectrum": "SPECTRUM"}), ("back.fits", {"background": "SPECTRUM"}),
        ("area.fits", {"arf": "SPECRESP"}), ("matrix.fits", {"rmf": "MATRIX"}),
    ]  # fmt: skip
    assert (record.obs_id, record.part) == ("0123", "src.fits")
    assert (record.product_type, record.subtype, record.calib_level) == ("spectrum", "counts-spectrum", 3)
    assert (record.energy_bins, record.o_ucd, record.energy_unit) == (50, "phot.count", "keV")
    assert record.energy_min == pytest.approx(1.5e-9)
    assert record.energy_max == pytest.approx(10.5e-9)
    assert (record.livetime, record.target_name, record.ra, record.dec) == (1000.0, "Crab", 83.63, 22.01)
    start = Time(51544.0, 1e8 / 86400, format="mjd", scale="tt").utc.mjd
    assert record.gti == (pytest.approx((start, start + 2000 / 86400), abs=1e-9),)
    assert isinstance(record.sketch, SpectrumSketch)
    assert record.sketch.background is not None
    assert np.allclose(record.sketch.background, 3.0)
    assert np.isnan(record.sketch.value[:5]).all()
    assert record.notes == ()


def test_files_that_name_nothing_are_joined_by_their_names(tmp_path: Path) -> None:
    """As XMM-Newton has them; never another instrument's, and always noted."""
    nothing = {"BACKFILE": None, "ANCRFILE": None, "RESPFILE": None}
    products.write(tmp_path / "PN.fits", products.pha(**nothing))
    products.write(tmp_path / "PN_bkg.fits", products.bkg(HDUCLAS2="TOTAL"))
    products.write(tmp_path / "PN.arf", products.arf(INSTRUME="OTHER"))
    products.write(tmp_path / "PN.rmf", *products.rmf())
    found = found_in(tmp_path)
    assert found["PN.arf"].candidate.refusal == "a response to which no spectrum in its folder belongs"
    spectrum = found["PN.fits"].candidate
    assert [f.name for f in spectrum.files] == ["PN.fits", "PN_bkg.fits", "PN.rmf"]
    assert spectrum.notes == (
        "PN_bkg.fits is taken for its background by its name.",
        "It names no arf (ANCRFILE).",
        "PN.rmf is taken for its rmf by its name.",
    )


def test_files_that_are_named_and_missing(tmp_path: Path) -> None:
    products.write(tmp_path / "src.fits", products.pha(BACKFILE="none", RESPFILE="/old/machine/matrix.fits"))
    products.write(tmp_path / "matrix.fits", *products.rmf())
    (candidate,) = (found.candidate for found in scan(tmp_path))
    assert [f.name for f in candidate.files] == ["src.fits", "matrix.fits"]
    assert candidate.notes == ("ANCRFILE area.fits is not there.",)


def test_a_spectrum_alone(tmp_path: Path) -> None:
    """Without EBOUNDS nothing is said of energies; gammapy's "stacked" is no identifier."""
    header = {"OBS_ID": "stacked", "TSTART": None, "RA_OBJ": None, "BACKFILE": None, "ANCRFILE": None, "RESPFILE": None}
    record = read(products.write(tmp_path / "sum of runs.fits", products.pha(**header)), "ogip")
    assert (record.obs_id, record.part, record.energy_min, record.energy_unit) == ("sum-of-runs", "", None, None)
    assert (record.ra, record.gti) == (None, ())
    assert any("EBOUNDS" in note for note in record.notes)
    values = obscore_values(record, collection="c", did="x", publisher="p", main_size=1, released=Time.now().datetime)
    assert (values["em_min"], values["t_min"], values["em_xel"], values["em_unit"]) == (None, None, 50, None)
    assert values["pos_x"] is None
    assert "t_intervals" not in hea_values(record, did="x")


@pytest.mark.parametrize(
    ("break_it", "reason"),
    [
        (lambda f: products.ogip(f, products.pha(EXPOSURE=0.0)), "EXPOSURE"),
        (lambda f: products.ogip(f, products.pha(EXPOSURE="long")), "EXPOSURE"),
        (lambda f: products.ogip(f, products.pha(HDUCLAS4="TYPE:II")), "type II"),
        (lambda f: products.ogip(f, products.pha({"COUNTS": np.full(50, -1)})), "negative"),
        (lambda f: products.ogip(f, products.pha({"COUNTS": ("4A", None, ["many"] * 50)})), "not numeric"),
        (lambda f: products.ogip(f, products.pha({"COUNTS": ("3J", None, np.ones((50, 3)))})), "more than one value"),
        (lambda f: products.ogip(f, products.pha(TSTOP=1e7)), "not after TSTART"),
        (lambda f: products.ogip(f, products.pha(MJDREF=None)), "no MJDREFI"),
        (lambda f: products.ogip(f, products.pha(MJDREF="soon")), "no number"),
        (lambda f: products.ogip(f, products.pha(TSTOP=1e30)), "not of this time"),
        (lambda f: products.ogip(f, products.pha(DEC_OBJ=123.0)), "not on the sky"),
        (lambda f: (products.ogip(f), products.write(f / "area.fits", products.arf({"ENERG_LO": products.KEV[:0:-1]}))),
         "area.fits: the energies"),
        (lambda f: (products.ogip(f), products.write(f / "area.fits", products.arf({"SPECRESP": np.full(50, -1.0)}))),
         "area.fits: its effective area"),
        (lambda f: (products.ogip(f), products.write(f / "area.fits", products.arf(
            {"ENERG_LO": ("E", "parsec", products.KEV[:-1])}))), "unit 'parsec'"),
        (lambda f: (products.ogip(f), products.write(f / "matrix.fits", *products.rmf({"E_MIN": np.full(50, np.nan)}))),
         "matrix.fits: its energy bounds"),
        (lambda f: (products.ogip(f), cut(f / "back.fits")), "its background, back.fits, cannot be used"),
    ],
)  # fmt: skip
def test_spectra_that_cannot_be_used(tmp_path: Path, break_it: Callable[[Path], object], reason: str) -> None:
    break_it(tmp_path)
    spectrum = found_in(tmp_path)["src.fits"]
    if spectrum.reader is None:
        assert reason in (spectrum.candidate.refusal or "")
    else:
        with pytest.raises(Refused, match=re.escape(reason)):
            spectrum.reader.read(spectrum.candidate)


# --- light curves ---


def test_a_light_curve(tmp_path: Path) -> None:
    """Bins that touch make one interval; live time is what FRACEXP and DEADC leave of them."""
    record = read(products.write(tmp_path / "lc.fits", products.curve()), "integral")
    assert (record.product_type, record.subtype, record.calib_level) == ("timeseries", "light-curve", 4)
    assert (record.time_bins, record.time_resolution) == (20, pytest.approx(864.0))
    assert record.livetime == pytest.approx(20 * 864 * 0.5 * 0.8)
    assert (record.energy_min, record.energy_max) == (pytest.approx(20e-9), pytest.approx(80e-9))
    start = Time(51544.0, 7999.995, format="mjd", scale="tt").utc.mjd
    assert len(record.gti) == 2
    assert record.gti[0][0] == pytest.approx(start, abs=1e-8)
    assert isinstance(record.sketch, CurveSketch)
    assert record.sketch.time[0] == pytest.approx(start + 0.005, abs=1e-8)


def test_times_of_integral_have_a_fixed_reference(tmp_path: Path) -> None:
    """IJD: days of TT since MJD 51544; said when it is taken for granted. Others' times without one are refused."""
    curve = products.curve(MJDREF=None, TIMESYS=None, TIMEUNIT=None)
    record = read(products.write(tmp_path / "lc.fits", curve), "integral")
    assert record.gti == read(products.write(tmp_path / "lc.fits", products.curve()), "integral").gti
    assert "IJD" in record.notes[0]


def test_times_may_count_from_timezero(tmp_path: Path) -> None:
    """SPI-ACS: seconds from TIMEZERO, itself in seconds since MJDREF."""
    seconds = np.arange(20) * 0.1
    curve = products.curve(
        {"TIME": ("D", "s", seconds), "FRACEXP": None}, TIMEUNIT="s", TIMEDEL=0.1, TIMEZERO=7e8, E_MIN=None, RA_OBJ=None
    )
    record = read(products.write(tmp_path / "acs.fits", curve), "integral")
    expected = Time(51544.0, (7e8 - 0.05) / 86400, format="mjd", scale="tt").utc.mjd
    assert record.gti[0][0] == pytest.approx(expected, abs=1e-9)
    assert (record.energy_min, record.ra, record.livetime) == (None, None, None)
    assert len(record.notes) == 4


@pytest.mark.parametrize(
    ("columns", "header", "reason"),
    [
        ({"TIME": np.zeros(20)}, {}, "order of time"),
        ({"TIME": np.full(20, np.nan)}, {}, "not finite"),
        ({"TIME": ("2D", None, np.zeros((20, 2)))}, {}, "more than one value"),
        ({"TIME": ("D", "furlong", np.arange(20.0))}, {}, "unit 'furlong'"),
        ({"RATE": np.full(20, np.inf)}, {}, "not finite"),
        ({"RATE": ("E", "Jy", np.ones(20))}, {}, "unit 'Jy'"),
        ({"ERROR": np.full(20, -1.0)}, {}, "negative errors"),
        ({"FRACEXP": np.full(20, 7.0)}, {}, "not between 0 and 1"),
        ({}, {"TIMEDEL": None}, "how long its bins are"),
        ({}, {"TIMEDEL": -1.0}, "no length"),
        ({}, {"TIMESYS": "moon"}, "no known time scale"),
        ({}, {"E_MIN": 90.0}, "no energy range"),
        ({}, {"EUNIT": "kg"}, "unit 'kg'"),
        ({}, {"MJDREF": 1e9}, "not of this time"),
    ],
)
def test_light_curves_that_cannot_be_used(
    tmp_path: Path, columns: dict[str, object], header: dict[str, object], reason: str
) -> None:
    assert reason in refusal(products.write(tmp_path / "lc.fits", products.curve(columns, **header)), "integral")


def test_checksums_that_a_mission_leaves_stale(tmp_path: Path) -> None:
    """OSA keeps those of its templates: noted for INTEGRAL, refused as damage for everybody else."""
    for mission, reader in (("INTEGRAL", "integral"), ("EX", "ogip")):
        table = products.curve() if reader == "integral" else products.pha()
        path = products.write(tmp_path / f"{mission}.fits", table)
        with fits.open(path) as hdus:
            hdus[1].add_checksum()
            hdus[1].header["ONTIME"] = 7.0
            hdus.writeto(path, overwrite=True)
        if reader == "integral":
            assert "leave them as they were" in read(path, reader).notes[0]
        else:
            assert refusal(path, reader).startswith("damaged")


# --- flux points ---


def test_flux_points(tmp_path: Path) -> None:
    """GADF 0.3 "Flux points": E^2 dN/dE of an E^-2 spectrum is constant; IS_UL decides what is a limit (GA-61)."""
    record = read(products.write(tmp_path / "fp.fits", products.flux_points()), "sed")
    assert (record.product_type, record.subtype, record.calib_level) == ("sed", "flux-points", 4)
    assert (record.o_ucd, record.energy_bins, record.energy_unit) == ("phot.flux.density", 5, "TeV")
    assert (record.energy_min, record.energy_max) == (pytest.approx(0.1), pytest.approx(10**1.5))
    assert isinstance(record.sketch, FluxSketch)
    assert np.allclose(record.sketch.value[:4], 1.602176634e-11)
    assert np.allclose(record.sketch.up[:4], 1.602176634e-12)
    assert np.isnan(record.sketch.value[4])
    assert record.sketch.limit[4] == pytest.approx(2 * 1.602176634e-11)


@pytest.mark.parametrize("kind", ["e2dnde", "flux", "eflux", "likelihood"])
def test_kinds_of_flux_points_agree(tmp_path: Path, kind: str) -> None:
    """The same spectrum in each SED_TYPE: E^2 dN/dE is what it was, for integral fluxes within the bin's width."""
    plain = products.flux_points()
    low, high, ref = (plain.data[name] for name in ("e_min", "e_max", "e_ref"))
    columns: dict[str, object] = {"dnde": None, "dnde_err": None, "dnde_ul": None, "is_ul": None}
    columns |= {
        "e2dnde": {"e2dnde": ("D", "TeV s-1 cm-2", np.full(5, 1e-11))},
        "flux": {"flux": ("D", "s-1 cm-2", 1e-11 * (1 / low - 1 / high))},
        "eflux": {"eflux": ("D", "TeV s-1 cm-2", 1e-11 * np.log(high / low))},
        "likelihood": {"ref_dnde": ("D", "TeV-1 s-1 cm-2", 2e-11 * ref**-2), "norm": ("D", None, np.full(5, 0.5))},
    }[kind]
    record = read(products.write(tmp_path / "fp.fits", products.flux_points(columns, SED_TYPE=kind)), "sed")
    assert isinstance(record.sketch, FluxSketch)
    assert np.allclose(record.sketch.value, 1.602176634e-11, rtol=1e-6)


@pytest.mark.parametrize(
    ("columns", "header", "reason"),
    [
        ({}, {"SED_TYPE": "magic"}, "none of GADF's"),
        ({"dnde": None}, {}, "no column DNDE"),
        ({"e_ref": ("D", None, np.ones(5))}, {}, "the unit '' of column E_REF"),
        ({"e_ref": np.ones(5)}, {}, "do not increase"),
        ({"e_min": np.full(5, -1.0)}, {}, "not positive"),
        ({"dnde": np.full(5, np.nan), "is_ul": [False] * 5}, {}, "none of its flux points"),
        ({"dnde_err": np.full(5, -1.0)}, {}, "negative errors"),
        ({"dnde": ("D", "m", np.ones(5))}, {}, "unit 'm'"),
        ({"dnde": ("3A", None, ["abc"] * 5)}, {}, "not numeric"),
    ],
)
def test_flux_points_that_cannot_be_used(
    tmp_path: Path, columns: dict[str, object], header: dict[str, object], reason: str
) -> None:
    assert reason in refusal(products.write(tmp_path / "fp.fits", products.flux_points(columns, **header)), "sed")


# --- catalogues ---


def test_a_catalogue(tmp_path: Path) -> None:
    record = read(products.write(tmp_path / "cat.fits", products.catalogue()), "catalogue")
    assert (record.obs_id, record.product_type, record.subtype, record.calib_level) == ("cat", "measurements", "", 4)
    assert record.fov_radius is not None
    assert 0.5 < record.fov_radius < 0.7
    assert (record.gti, record.energy_min, record.o_ucd) == ((), None, None)
    assert isinstance(record.sketch, SourcesSketch)
    assert record.sketch.kind == ("PWN", "PWN", "")
    assert record.notes == ()


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"DEJ2000": [22.0, 95.0, 0.0]}, "outside the sky"),
        ({"RAJ2000": [np.nan] * 3}, "none of its sources has a position"),
        ({"RAJ2000": ("D", "h", [5.0, 5.0, 5.0])}, "unit 'h'"),
        ({"RAJ2000": ("8A", "deg", ["05:34:31"] * 3)}, "not numeric"),
    ],
)
def test_catalogues_that_cannot_be_used(tmp_path: Path, columns: dict[str, object], reason: str) -> None:
    assert reason in refusal(products.write(tmp_path / "cat.fits", products.catalogue(columns)), "catalogue")


# --- Fermi-LAT ---


def lat(folder: Path, *events: fits.BinTableHDU, **others: object) -> Path:
    products.write(folder / "psf.fits", *products.gtpsf())
    products.write(folder / "exposure.fits", *products.exposure(**others))
    products.write(folder / "events.fits", *(events or (products.photons(), products.lat_gti())))
    return folder


def test_a_photon_list(tmp_path: Path) -> None:
    """Energies in MeV, region and energies from the data sub-space, exposure and PSF of the same folder."""
    record = read(lat(tmp_path / "crab"), "fermi")
    assert isinstance(record, ObservationRecord)
    assert [(f.name, dict(f.hdus)) for f in record.files] == [
        ("events.fits", {"events": "EVENTS", "gti": "GTI"}), ("exposure.fits", {"exposure": "HPXEXPOSURES"}),
        ("psf.fits", {"gtpsf": "PSF"}),
    ]  # fmt: skip
    assert (record.obs_id, record.subtype, record.product_type, record.calib_level) == (
        "crab",
        "event-list",
        "event",
        2,
    )
    assert (record.ra, record.dec, record.fov_radius, record.ra_pnt) == (83.63, 22.01, 5.0, None)
    assert (record.energy_min, record.energy_max) == (pytest.approx(0.01), pytest.approx(2.0))
    assert (record.event_count, record.ontime, record.livetime) == (40, 3000.0, None)
    assert (record.facility_name, record.event_class) == ("Fermi", "P8R3 class 128")
    assert record.psf_fwhm == pytest.approx(2.3548 * 0.1, rel=0.02)
    assert sum("only ones of their folder" in note for note in record.notes) == 2


def test_photons_without_a_region_get_the_circle_around_them(tmp_path: Path) -> None:
    path = products.write(tmp_path / "ph.fits", products.photons(DSTYP1="OTHER"), products.lat_gti())
    record = read(path, "fermi")
    data = fits.getdata(path, "EVENTS")
    separation = np.hypot((data["RA"] - record.ra) * np.cos(np.radians(22)), data["DEC"] - record.dec)
    assert record.fov_radius == pytest.approx(separation.max(), rel=0.02)


def test_years_of_intervals_get_coarser_cells(tmp_path: Path) -> None:
    """High-energy draft section 4.3: t_intervals of 40,000 intervals stays a text that a table can hold."""
    path = products.write(tmp_path / "ph.fits", products.photons(), products.lat_gti(5000))
    record = read(path, "fermi")
    assert len(record.gti) == 5000
    order = coverage_order(record.gti_tcb)
    assert len(degrade(record.gti_tcb, order)) <= INTERVALS_LIMIT < len(degrade(record.gti_tcb, order + 1))
    assert len(hea_values(record, did="x")["t_intervals"]) < 50_000
    assert coverage_order(record.gti_tcb[:10]) == 41


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda f: lat(f, products.photons(), ), "no GTI"),
        (lambda f: lat(f, products.photons({"ENERGY": np.full(40, -1.0)}), products.lat_gti()), "zero or below"),
        (lambda f: lat(f, products.photons({"RA": np.full(40, np.nan)}), products.lat_gti()), "not finite"),
        (lambda f: lat(f, products.photons(MJDREFI=None), products.lat_gti()), "no MJDREFI"),
        (lambda f: lat(f, products.photons(TSTOP="x"), products.lat_gti()), "TSTART and TSTOP"),
        (lambda f: lat(f, DSVAL2="100:200"), "exposure.fits: it was made for ENERGY 100:200"),
    ],
)  # fmt: skip
def test_photons_that_cannot_be_used(tmp_path: Path, make: Callable[[Path], Path], reason: str) -> None:
    assert reason in refusal(make(tmp_path / "crab"), "fermi")


def test_which_photons_an_exposure_belongs_to_is_not_guessed(tmp_path: Path) -> None:
    lat(tmp_path)
    products.write(tmp_path / "more.fits", products.photons(), products.lat_gti())
    found = found_in(tmp_path)
    assert found["exposure.fits"].candidate.refusal == "the exposure of one photon list, and its folder has 2"
    assert len(found["events.fits"].candidate.files) == 1


# --- real data ---

EXPECTED = {
    # where: (reader, obs_id, product_type, subtype, files, (ra, dec), energies TeV, bins)
    "integral/grb221009a/IBIS_lc_GRB221009A.fits": (
        "integral", "IBIS_lc_GRB221009A", "timeseries", "light-curve", 1, (288.264, 19.773), (2.8e-8, 8e-8), 335),
    "integral/spi-acs/spiacs_lc_GRB230307A.fits": (
        "integral", "spiacs_lc_GRB230307A", "timeseries", "light-curve", 1, None, None, 5400),
    "integral/grb221009a/IBIS_spectrum_GRB221009A.fits": (
        "ogip", "IBIS_spectrum_GRB221009A", "spectrum", "counts-spectrum", 3, (288.264, 19.773), (2.7e-8, 1.007e-6),
        256),
    "dl4-samples/crab-hess-ogip/pha_obs23523.fits": (
        "ogip", "23523", "spectrum", "counts-spectrum", 4, None, (0.89125, 100.0), 80),
    "dl4-samples/pks2155-steady-ogip/pks2155-304_steady.fits.gz": (
        "ogip", "pks2155-304_steady", "spectrum", "counts-spectrum", 4, (329.836, -30.320), (0.50238, 20.0), 10),
    "dl4-samples/flux-points/crab_hess_fp.fits": (
        "sed", "crab_hess_fp", "sed", "flux-points", 1, None, (0.39010, 21.4807), 5),
    "xmm-newton/PN_PWN.fits": (
        "ogip", "0306170201", "spectrum", "counts-spectrum", 4, (282.257, -0.022), (5e-11, 1.6005e-8), 3277),
    "xmm-newton/PN_PWN.grp": ("ogip", "0306170201", "spectrum", "counts-spectrum", 1, (282.257, -0.022), None, 1501),
    "catalogs/gammacat.fits.gz": ("catalogue", "gammacat", "measurements", "", 1, None, None, None),
    "catalogs/hgps_catalog_v1.fits.gz": ("catalogue", "hgps_catalog_v1", "measurements", "", 1, None, None, None),
    "fermi-lat/crab-3fhl-events/events.fits.gz": (
        "fermi", "crab-3fhl-events", "event", "event-list", 3, (83.642, 22.010), (0.01, 2.0), None),
}  # fmt: skip


def test_real_products(shared: Path) -> None:
    """Everything of the shared folders that is no GADF store: as the table of obscore.md has it."""
    for folder in sorted({where.partition("/")[0] for where in EXPECTED}):
        for found in scan(shared / "data" / folder):
            where = f"{folder}/{found.candidate.label}"
            if found.reader is None or where not in EXPECTED:
                continue
            reader, obs_id, kind, subtype, files, position, energies, bins = EXPECTED[where]
            record = found.reader.read(found.candidate)
            assert (found.reader.name, record.obs_id, record.product_type, record.subtype, len(record.files)) == (
                reader, obs_id, kind, subtype, files,
            ), where  # fmt: skip
            assert (record.time_bins or record.energy_bins) == bins, where
            if position is None:
                assert record.ra is None, where
            else:
                assert (record.ra, record.dec) == pytest.approx(position, abs=2e-3), where
            if energies is None:
                assert record.energy_min is None, where
            else:
                assert (record.energy_min, record.energy_max) == pytest.approx(energies, rel=1e-3), where
                assert wavelength(record.energy_max) == pytest.approx(1.239841984332e-18 / record.energy_max)


def test_the_times_of_grb_230307a(shared: Path) -> None:
    """The burst reached INTEGRAL within seconds of Fermi's trigger at 15:44:06.67 UTC (GCN 33405)."""
    record = read(shared / "data" / "integral" / "spi-acs" / "spiacs_lc_GRB230307A.fits", "integral")
    assert isinstance(record.sketch, CurveSketch)
    rising = record.sketch.time[np.argmax(record.sketch.value > 3 * np.median(record.sketch.value))]
    assert abs(rising - Time("2023-03-07T15:44:06.67", scale="utc").mjd) * 86400 < 5


def test_events_are_for_the_reader_of_events(tmp_path: Path) -> None:
    """A GADF file has RA, DEC and ENERGY like others; no particular reader takes it."""
    (found,) = scan(samples.write(tmp_path / "run.fits"))
    assert found.reader is not None
    assert found.reader.name == "gadf"
