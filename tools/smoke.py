"""Import and call each package that has broken before: resolvers pass sets that do not work."""

from __future__ import annotations

import sys


def web() -> None:
    import pyarrow as pa
    from astropy.time import Time
    from django import get_version
    from lark import Lark

    assert pa.array([1, None]).null_count == 1
    assert abs(Time(53000.0, format="mjd", scale="tt").utc.mjd - 53000.0) < 0.01
    assert Lark("start: /a/").parse("a")
    assert get_version().startswith("5.2")


def worker() -> None:
    import ctapipe
    import gammapy.data
    import regions

    assert gammapy.data.DataStore
    assert ctapipe.__version__
    assert regions.CircleSkyRegion


if __name__ == "__main__":
    web()
    if sys.argv[1] != "web":
        worker()
