"""Column metadata of `ivoa.obscore_hea` (high-energy extension of ObsCore, IVOA draft of 2026-08-03, section 4)."""

from __future__ import annotations

from archive.obscore.columns import OBSCORE
from vo.columns import ColumnMeta, ForeignKeyMeta, TableMeta


def _hea(
    name: str, datatype: str, unit: str | None, ucd: str | None, description: str, indexed: bool = False
) -> ColumnMeta:
    return ColumnMeta(
        name, datatype, "*" if datatype == "char" else None, None, unit, ucd, None, description, indexed=indexed
    )


OBSCORE_HEA = TableMeta(
    name="ivoa.obscore_hea",
    columns=(
        OBSCORE.column("obs_publisher_did").but(std=False, principal=True),
        _hea("ev_xel", "int", None, "meta.number;instr.detection;phys.particle", "Number of events in the list").but(
            principal=True
        ),
        _hea("s_ref_energy", "float", "eV", "meta.ref;em.energy;pos", "Energy at which s_resolution is quoted"),
        _hea("em_ref_energy", "float", "eV", "meta.ref;em.energy;em", "Energy at which em_res_power is quoted"),
        _hea(
            "s_ref_oaa", "float", "deg", "pos.posAng;instr.offset;pos", "Off-axis angle at which s_resolution is quoted"
        ),
        _hea(
            "em_ref_oaa", "float", "deg", "pos.posAng;instr.offset;em", "Off-axis angle at which em_res_power is quoted"
        ),
        _hea(
            "t_intervals",
            "char",
            None,
            None,
            "Good time intervals as time coverage (T-MOC ASCII, MOC 2.0: microseconds since JD 0 "
            "in TCB, without light travel correction), at about 1 s, rounded outwards",
            True,
        ),
        _hea("energy_min", "double", "eV", "em.energy;stat.min", "Lower end of the safe energy range", True).but(
            principal=True
        ),
        _hea("energy_max", "double", "eV", "em.energy;stat.max", "Upper end of the safe energy range", True).but(
            principal=True
        ),
        _hea("obs_mode", "char", None, "meta.code;obs.param", "Observation mode as the observers wrote it (OBS_MODE)"),
        _hea(
            "tracking_mode",
            "char",
            None,
            "meta.code;obs.param",
            "sidereal, fixed-az-el-transit, solar-system-object-tracking or none",
        ),
        _hea(
            "scan_mode",
            "char",
            None,
            "meta.code;obs.param",
            "on-source, on-off, raster-map, on-the-fly-cross-scan, on-the-fly-cross-map (wobble) "
            "or slew; NULL where the data do not tell it",
        ),
        _hea(
            "pointing_mode",
            "char",
            None,
            "meta.code;obs.param",
            "How the telescopes of an array point: parallel, convergent or divergent",
        ),
        _hea("analysis_mode", "char", None, "meta.code;obs.param", "Analysis configuration that made the events"),
        _hea(
            "event_type", "char", None, "meta.code.qual;instr.detection;phys.particle", "Class of the events (EV_CLASS)"
        ),
        _hea(
            "messenger_name",
            "char",
            None,
            "meta.id;phys.particle",
            "Messenger: photon, neutrino, cosmic-ray, muon or proton",
        ),
        _hea(
            "messenger_pdgid",
            "char",
            None,
            "meta.ref.pdgid;phys.particle",
            "Particle number of the Particle Data Group, with sign",
        ),
    ),
    description="What ObsCore 1.1 has no column for in high-energy data; one row for each row of ivoa.obscore, "
    "to be joined by NATURAL JOIN (prototype of the IVOA high-energy extension, draft of 2026-08-03)",
    foreign_keys=(
        ForeignKeyMeta(
            "ivoa.obscore", (("obs_publisher_did", "obs_publisher_did"),), "The same data set in ivoa.obscore"
        ),
    ),
)
