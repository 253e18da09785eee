"""Wiring of the registries: which jobs this installation offers."""

from __future__ import annotations

from django.apps import AppConfig


class DistillerConfig(AppConfig):
    name = "distiller"

    def ready(self) -> None:
        from django.conf import settings

        from analysis.countmap.job import JOB as COUNTMAP
        from analysis.distil.job import JOB as DISTIL
        from analysis.fit3d.job import JOB as FIT3D
        from analysis.lightcurve.job import JOB as LIGHTCURVE
        from analysis.spectrum.job import JOB as SPECTRUM
        from analysis.stack.job import JOB as STACK
        from uws.jobtypes import register
        from uws.plugins import register_plugins

        register(COUNTMAP)
        register(FIT3D)
        register(SPECTRUM)
        register(LIGHTCURVE)
        register(STACK)
        register(DISTIL)
        register_plugins(settings.DISTILLER_JOB_TYPES)
