"""Who may see and fetch what: the one object that TAP, DataLink, retrieval, pages and job inputs ask (decision 8).

Metadata are public. Bytes of public data are everybody's; those of others are their owners' and the curators'.
"""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from sqlalchemy import ColumnElement, FromClause

from archive.models import Observation, Product
from tap.registry import Viewer
from vo.errors import AuthorizationFault


def viewer_of(request: HttpRequest) -> Viewer:
    """The person or program behind a request."""
    user = request.user
    if not user.is_authenticated:
        return Viewer()
    return Viewer(name=user.get_username(), is_curator=user.is_staff)


class Policy:
    """The rights of a viewer. All data of this archive are public at present (`data_rights`)."""

    def obscore_rows(self, table: FromClause, viewer: Viewer) -> ColumnElement[Any] | None:
        """Predicate of the ObsCore rows that a viewer sees in ADQL; None for all."""
        return None

    def event_rows(self, table: FromClause, viewer: Viewer) -> ColumnElement[Any] | None:
        """Predicate of the events that a viewer sees in ADQL; None for all, which are those of public event lists."""
        return None

    def observations(self, viewer: Viewer) -> QuerySet[Observation]:
        """Observations whose metadata a viewer sees."""
        return Observation.objects.all()

    def products(self, viewer: Viewer) -> QuerySet[Product]:
        """Products whose metadata a viewer sees."""
        return Product.objects.all()

    def may_read(self, product: Product, viewer: Viewer) -> bool:
        """Whether the viewer may fetch the bytes of a product."""
        return True

    def check_read(self, product: Product, viewer: Viewer) -> None:
        """Raises AuthorizationFault unless the viewer may fetch the bytes."""
        if not self.may_read(product, viewer):
            raise AuthorizationFault(f"{product.did} is not public")


POLICY = Policy()
