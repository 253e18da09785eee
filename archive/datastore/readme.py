"""README.txt of a data store: the query, where each file is from, what is missing, and how to read it."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from archive.datastore.contents import Contents
from tap.service import Query
from vo.version import version

_PROVENANCE = "/provenance/provsap"


def readme(query: Query, chosen: Contents, *, is_cut: bool) -> str:
    """The text; `is_cut` says that the query has more rows than were asked for."""
    return "\n".join(_lines(query, chosen, is_cut)) + "\n"


def _lines(query: Query, chosen: Contents, is_cut: bool) -> Iterator[str]:
    base = query.context.base_url
    count = len(chosen.items)
    yield from ("GADF DATA STORE", "")
    yield f"{count} observation{'s' if count > 1 else ''} selected by a query at {base}/tap, packed by Distiller"
    yield f"{version()}. The files are those of the archive, unchanged. In Python:"
    yield from ("", "    from gammapy.data import DataStore", '    store = DataStore.from_dir("this folder")', "")
    yield from ("QUERY", "")
    yield from (f"    {line}" for line in query.text.splitlines())
    if is_cut:
        yield from ("", "The query has more rows than MAXREC: observations are missing that it would find.")
    if chosen.left_out:
        yield from ("", f"LEFT OUT ({len(chosen.left_out)})", "")
        yield from (f"    {identifier}: {reason}" for identifier, reason in chosen.left_out)
    if chosen.documents:
        yield from ("", "TERMS OF USE AND OTHER DOCUMENTS", "")
        yield from (f"    {path}" for path in chosen.documents)
    yield from ("", "OBSERVATIONS AND THEIR FILES (with SHA-256)", "")
    for item in chosen.items:
        yield f"    {item.observation.obs_id}  {item.product.did}"
        yield from (f"        {use.file.sha256}  {path}" for use, path in item.files)
        yield f"        provenance: {base}{_PROVENANCE}?ID={quote(item.product.did, safe='')}"
