"""The input resolver "dl3": from the selection of a job to the files of observations that it may read.

Parameters are taken by attribute: `obs_id`, `obs_list`, `circle`, `collection`, `time`, `quality_max`
(`analysis.selection`). All that is given holds together: observations that are named, too, are used only if they point
into the circle, overlap the time and are as good as asked for.
"""

from __future__ import annotations

import difflib
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from archive import lists, lookup
from archive.models import Observation, Product, ProductFile
from archive.policy import POLICY
from archive.store import is_present, local_path
from tap.registry import Viewer
from uws.context import InputFile
from uws.errors import UserJobError
from uws.jobtypes import Owner
from uws.parameters import JobParameters
from vo.errors import UsageFault
from vo.regions import separation

log = logging.getLogger(__name__)
_BUNDLE = "event-bundle"
BEST = 0
"""Worst GADF QUALITY that a cone selects unless told otherwise."""
_NAMED = 5
"""Observations named in a message."""


def resolve_dl3(parameters: JobParameters, owner: Owner) -> Sequence[InputFile]:
    """The event bundles of a selection, by obs_id. Raises UserJobError with a sentence for the job's owner."""
    viewer = Viewer(name=owner.name)
    selection = ObservationSelection(parameters, viewer)
    products = selection.by_identifier() if selection.obs_ids else selection.by_criteria()
    for product in products:
        if not POLICY.may_read(product, viewer):
            raise UserJobError(f"observation {_obs_id(product)} is not public, and not yours")
    files = input_files(products)
    return sorted(files, key=lambda f: (len(f.metadata["obs_id"]), f.metadata["obs_id"], f.id))


class ObservationSelection:
    """Observations by what is asked of them; `subtypes` are the products that count."""

    def __init__(self, parameters: Any, viewer: Viewer, subtypes: Sequence[str] = (_BUNDLE,)) -> None:
        self.obs_ids: tuple[str, ...] = tuple(
            dict.fromkeys([o.strip() for o in parameters.obs_id] + _listed(parameters))
        )
        self.circle: tuple[float, float, float] | None = parameters.circle
        self.collection: str | None = parameters.collection
        self.time: tuple[float, float] | None = parameters.time
        self.quality_max: int | None = parameters.quality_max
        self._viewer = viewer
        self._subtypes = tuple(subtypes)
        self._observations = POLICY.observations(viewer).select_related("release__collection")
        if self.collection is not None:
            self._observations = self._observations.filter(release__collection__name__iexact=self.collection)
            if not self._observations.exists():
                raise UserJobError(f"there is no collection named {self.collection!r}, or it has no observations")

    # --- by identifier ---

    def by_identifier(self) -> list[Product]:
        products: list[Product] = []
        by_did = lookup.products((o for o in self.obs_ids if "://" in o), self._viewer)
        for written in self.obs_ids:
            if "://" in written:
                product = by_did.get(written)
                if product is None or product.observation is None:
                    raise UserJobError(f"there is no observation with the identifier {written}")
                if product.semantics != "#this":
                    raise UserJobError(f"{written} is a {product.subtype}, not an observation")
            else:
                product = self._of_observation(self._newest(written))
            if product.subtype not in self._subtypes:
                raise UserJobError(f"observation {_obs_id(product)} has no complete instrument responses")
            if product not in products:
                products.append(product)
        self._check_one_release_each(products)
        kept = {o.pk for o in self._good(self._in_time(self._in_circle([_observation(p) for p in products])))}
        return [product for product in products if product.observation_id in kept]

    def _newest(self, written: str) -> Observation:
        # Spectra and the like of the same run have its obs_id too; the event list has no part.
        named = self._observations.filter(obs_id=written.lstrip("0") or "0", part="")
        found = list(named.order_by("-release__created", "-pk"))
        if not found:
            raise UserJobError(self._unknown(written))
        collections = sorted({o.release.collection.name for o in found})
        if len(collections) > 1:
            raise UserJobError(
                f"observation {written} exists in the collections {_list(collections)}: "
                "name the collection, or give the obs_publisher_did"
            )
        return found[0]

    def _unknown(self, written: str) -> str:
        where = f" in collection {self.collection}" if self.collection else ""
        ids = self._observations.values_list("obs_id", flat=True).distinct()[:5000]
        close = difflib.get_close_matches(written, list(ids), 3, 0.6)
        return f"there is no observation {written}{where}" + (f"; did you mean {' or '.join(close)}?" if close else "")

    def _check_one_release_each(self, products: Iterable[Product]) -> None:
        seen: dict[tuple[int, str], Product] = {}
        for product in products:
            key = (product.release.collection_id, _obs_id(product))
            if key in seen and seen[key].release_id != product.release_id:
                raise UserJobError(
                    f"observation {key[1]} is selected in the releases {seen[key].release.name} and "
                    f"{product.release.name}: its events would count twice"
                )
            seen[key] = product

    # --- by criteria ---

    def by_criteria(self) -> list[Product]:
        assert self.circle is not None
        _, dec, radius = self.circle
        nearby = self._observations.filter(ra_pnt__isnull=False, dec_pnt__gte=dec - radius, dec_pnt__lte=dec + radius)
        return self.products_of(self._good(self._in_time(self._in_circle(nearby)), unless_told=BEST))

    def by(self, condition: Callable[[Observation], bool], told: str) -> list[Product]:
        """The good observations that meet a condition; `told` is what the user is told where there is none."""
        chosen = [observation for observation in self._observations if condition(observation)]
        if not chosen:
            raise UserJobError(told)
        return self.products_of(self._good(chosen, unless_told=BEST))

    def products_of(self, chosen: Sequence[Observation]) -> list[Product]:
        """The products of the newest version of each observation."""
        return self._products_of(self._one_version_each(chosen))

    # --- conditions: each raises UserJobError when it leaves nothing ---

    def _in_circle(self, observations: Iterable[Observation]) -> list[Observation]:
        if self.circle is None:
            return list(observations)
        ra, dec, radius = self.circle
        chosen = [
            o
            for o in observations
            if o.ra_pnt is not None
            and o.dec_pnt is not None
            and float(separation(ra, dec, o.ra_pnt, o.dec_pnt)) <= radius
        ]
        if not chosen:
            raise UserJobError(f"{self._subject('no observation')} points into {self._place()}")
        return chosen

    def _in_time(self, observations: list[Observation]) -> list[Observation]:
        if self.time is None:
            return observations
        start, stop = self.time
        chosen = [o for o in observations if _overlaps(o, start, stop)]
        if not chosen:
            where = f" in {self._place()}" if self.circle is not None else ""
            raise UserJobError(
                f"none of the {len(observations)} observations{where} overlaps MJD {start:g} to {stop:g}"
            )
        return chosen

    def _good(self, observations: list[Observation], unless_told: int | None = None) -> list[Observation]:
        worst = unless_told if self.quality_max is None else self.quality_max
        if worst is None:
            return observations
        chosen = [o for o in observations if o.quality <= worst]
        if not chosen:
            raise UserJobError(
                f"none of the {len(observations)} observations selected has a quality of {worst} or better; "
                "raise quality_max to use them"
            )
        return chosen

    def _subject(self, anyone: str) -> str:
        return "none of the observations named" if self.obs_ids else anyone

    def _place(self) -> str:
        assert self.circle is not None
        ra, dec, radius = self.circle
        where = f"the circle of {radius:g} deg around {ra:.4f} {dec:+.4f}"
        return where + (f" in collection {self.collection}" if self.collection else "")

    def _one_version_each(self, observations: Iterable[Observation]) -> list[Observation]:
        newest: dict[tuple[int, str], Observation] = {}
        for observation in sorted(observations, key=lambda o: (o.release.created, o.pk)):
            newest[observation.release.collection_id, observation.obs_id] = observation
        return list(newest.values())

    def _products_of(self, observations: Sequence[Observation]) -> list[Product]:
        found = list(
            Product.objects.filter(
                observation__in=observations, semantics="#this", subtype__in=self._subtypes
            ).select_related("observation", "release__collection")
        )
        if not found:
            raise UserJobError("none of the observations selected has complete instrument responses")
        return found

    def _of_observation(self, observation: Observation) -> Product:
        product = (
            Product.objects.filter(observation=observation, semantics="#this")
            .select_related("observation", "release__collection")
            .first()
        )
        if product is None:
            raise UserJobError(f"observation {observation.obs_id} has no event list")
        return product


def _listed(parameters: Any) -> list[str]:
    if not parameters.obs_list:
        return []
    try:
        return list(lists.observations(parameters.obs_list))
    except UsageFault as fault:
        raise UserJobError(f"obs_list: {fault.message}") from None


def input_files(products: Sequence[Product]) -> list[InputFile]:
    """The files of products of observations, in their order.

    Raises UserJobError, and writes to the log, when one is missing from the store.
    """
    uses = files_of(products)
    return [_input_file(product, uses[product.pk]) for product in products]


def files_of(products: Sequence[Product]) -> dict[int, list[ProductFile]]:
    """The files of each product by its key, the main one first."""
    uses: dict[int, list[ProductFile]] = {product.pk: [] for product in products}
    for use in ProductFile.objects.filter(product__in=products).select_related("file").order_by("position"):
        uses[use.product_id].append(use)
    return uses


def _input_file(product: Product, uses: Sequence[ProductFile]) -> InputFile:
    observation = product.observation
    assert observation is not None
    for use in uses:
        if not is_present(use.file):
            log.error("stored file %s of %s (%s) is missing or cut short", use.file.path, product.did, use.name)
            raise UserJobError(
                f"the file of observation {observation.obs_id} is missing from the archive; the curators have been told"
            )
    main = uses[0]
    hdus: dict[str, str] = {}
    classes: dict[str, str] = {}
    files: dict[str, str] = {}
    for use in uses:
        hdus |= use.hdus
        classes |= use.hdu_classes
        files |= dict.fromkeys(use.hdus, str(local_path(use.file.path)))
    metadata: dict[str, Any] = {
        "product_type": product.subtype,
        "obs_id": observation.obs_id,
        "collection": product.release.collection.name,
        "release": product.release.name,
        "target_name": observation.target_name,
        "ra_obj": observation.ra_obj,
        "dec_obj": observation.dec_obj,
        "ra_pnt": observation.ra_pnt,
        "dec_pnt": observation.dec_pnt,
        "quality": observation.quality,
        "facility_name": observation.facility_name,
        "livetime": observation.livetime,
        "hdus": hdus,
        "hdu_classes": classes,
    }
    if len(uses) > 1:
        metadata["files"] = files
        metadata["sha256"] = [use.file.sha256 for use in uses]
    return InputFile(product.did, local_path(main.file.path), main.file.sha256, main.file.media_type, metadata)


def _overlaps(observation: Observation, start: float, stop: float) -> bool:
    first, last = observation.t_start, observation.t_stop
    return first is not None and last is not None and last >= start and first <= stop


def _observation(product: Product) -> Observation:
    assert product.observation is not None
    return product.observation


def _obs_id(product: Product) -> str:
    return product.observation.obs_id if product.observation is not None else product.did


def _list(words: Sequence[str]) -> str:
    shown = list(words[:_NAMED]) + (["..."] if len(words) > _NAMED else [])
    return ", ".join(shown)
