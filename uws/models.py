"""Jobs, their uploads, results and logs, and the workers that run them. The jobs table is the truth (decision 5)."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models

from uws.phases import Phase


def new_job_id() -> str:
    """An identifier that cannot be guessed (120 bits) and stands in URLs and ivoids as it is."""
    return base64.b32encode(secrets.token_bytes(15)).decode().lower()


def destroy_jobs(collector: Any, field: models.Field, jobs: Iterable[Job], using: str) -> None:
    """What the deletion of a user does to the user's jobs (an `on_delete`): they are destroyed.

    Nobody sees them any more; the reconciler ends those that run, and removes files as at any destruction.
    """
    for name, value in {field.name: None, "destroyed": True, "abort_requested": True}.items():
        collector.add_field_update(Job._meta.get_field(name), value, jobs)


class Job(models.Model):
    """One job of one type. Times are UTC; durations seconds."""

    public_id = models.CharField(max_length=32, unique=True, default=new_job_id, editable=False)
    activity = models.CharField(
        max_length=32,
        default=new_job_id,
        db_index=True,
        editable=False,
        help_text="names the job in provenance and in results; unlike the public id it gives no rights",
    )
    job_type = models.CharField(max_length=64)
    type_version = models.CharField(max_length=32)
    phase = models.CharField(max_length=9, choices=Phase.choices, default=Phase.PENDING, db_index=True)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=destroy_jobs, null=True, blank=True)
    session = models.CharField(max_length=64, blank=True, help_text="token of the anonymous browser session")
    client = models.CharField(
        max_length=40, blank=True, db_index=True, help_text="whose turn and limits it counts for (uws.limits)"
    )
    rank = models.PositiveSmallIntegerField(
        default=0, help_text="class of its owner: 0 anonymous, 1 signed in, 2 curator"
    )
    run_id = models.CharField(max_length=255, blank=True)
    base_url = models.CharField(max_length=255, blank=True, help_text="of the service, as its client reached it")

    given = models.JSONField(default=list, help_text="parameters as given: [[name, [text, ...]], ...]")
    normalised = models.JSONField(default=list, help_text="all parameters as used, in the same form")
    inputs = models.JSONField(default=list, help_text="[{role, id, sha256, media_type}, ...]")
    input_bytes = models.BigIntegerField(null=True, blank=True, help_text="of the inputs; empty: not known yet")
    software = models.JSONField(default=dict, help_text="versions that ran it, by distribution")

    created = models.DateTimeField(auto_now_add=True, db_index=True)
    queued = models.DateTimeField(null=True, blank=True, help_text="when it began to wait for a worker")
    started = models.DateTimeField(null=True, blank=True)
    ended = models.DateTimeField(null=True, blank=True)
    quote = models.DateTimeField(null=True, blank=True)
    destruction = models.DateTimeField(db_index=True)
    execution_duration = models.PositiveIntegerField(help_text="s")

    error_kind = models.CharField(max_length=9, blank=True, help_text="fatal or transient")
    error_message = models.TextField(blank=True)
    progress_stage = models.CharField(max_length=64, blank=True)
    progress_message = models.CharField(max_length=255, blank=True)
    progress_fraction = models.FloatField(default=0)

    cache_key = models.CharField(max_length=64, blank=True, db_index=True)
    fresh = models.BooleanField(default=False, help_text="computed whatever the result store holds")
    leads = models.CharField(
        max_length=64, blank=True, help_text="the key while identical jobs may join this one (uws.joining)"
    )
    leader = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="followers", help_text="does its work"
    )
    answered_from = models.CharField(max_length=32, blank=True, help_text="activity of the job whose results these are")
    computed = models.DateTimeField(null=True, blank=True, help_text="when the results of another job were made")

    queue = models.CharField(max_length=16)
    sent = models.DateTimeField(null=True, blank=True, help_text="last handed to the broker")
    sends = models.PositiveIntegerField(default=0)
    runner = models.CharField(max_length=64, blank=True, help_text="worker process that runs it; empty: none yet")
    attempt = models.PositiveIntegerField(default=0, help_text="counts runs; a run that lost its number is void")
    crashes = models.PositiveIntegerField(default=0, help_text="runs that failed for a passing reason")
    not_before = models.DateTimeField(null=True, blank=True, help_text="pause before the next run")
    beat = models.PositiveBigIntegerField(default=0, help_text="grows while the job is being run")
    abort_requested = models.BooleanField(default=False)
    destroyed = models.BooleanField(default=False, help_text="gone for its owner; the row goes when its run has ended")

    class Meta:
        indexes = [
            models.Index(fields=["owner", "job_type", "-created"], name="job_of_owner"),
            models.Index(fields=["session", "job_type", "-created"], name="job_of_session"),
        ]
        constraints = [models.UniqueConstraint(fields=["leads"], condition=~models.Q(leads=""), name="one_leader")]

    def __str__(self) -> str:
        return f"{self.job_type} {self.public_id}"

    @property
    def is_final(self) -> bool:
        return self.phase in (Phase.COMPLETED, Phase.ERROR, Phase.ABORTED, Phase.ARCHIVED)

    @property
    def parameters(self) -> dict[str, list[str]]:
        """Parameters as given."""
        return {name: list(texts) for name, texts in self.given}

    @property
    def used_parameters(self) -> dict[str, list[str]]:
        """Parameters as used, defaults included; empty before the job was run."""
        return {name: list(texts) for name, texts in self.normalised}


class Client(models.Model):
    """Somebody who has jobs: its row is locked while its jobs are counted against its limits."""

    name = models.CharField(max_length=40, unique=True)
    served = models.DateTimeField(null=True, blank=True, help_text="when a worker last took one of its jobs")

    def __str__(self) -> str:
        return self.name


class RunTime(models.Model):
    """How long a run took: what later jobs are expected to take (uws.estimates). Kept when the job is gone."""

    job_type = models.CharField(max_length=64)
    input_bytes = models.BigIntegerField()
    seconds = models.FloatField()
    ended = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["job_type", "-ended"], name="run_time_of_type")]

    def __str__(self) -> str:
        return f"{self.job_type} {self.seconds:.1f} s"


class Part(models.Model):
    """A file that was sent along with a job, under the name of the part of the request that it came in."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="parts")
    name = models.CharField(max_length=255)
    filename = models.CharField(max_length=255, blank=True)
    media_type = models.CharField(max_length=100, blank=True)
    storage_name = models.CharField(max_length=255, unique=True)
    size = models.BigIntegerField(help_text="bytes")
    sha256 = models.CharField(max_length=64)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["job", "name"], name="part_once")]

    def __str__(self) -> str:
        return self.name


class ResultFile(models.Model):
    """Bytes in the result store. Deleted when no result refers to them any more."""

    storage_name = models.CharField(max_length=255, unique=True)
    size = models.BigIntegerField(help_text="bytes")
    sha256 = models.CharField(max_length=64)
    stored = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.storage_name


class Result(models.Model):
    """A result of a job under its UWS result id; several jobs may share the bytes."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="results")
    position = models.PositiveSmallIntegerField(help_text="order in the result list")
    name = models.CharField(max_length=64)
    filename = models.CharField(max_length=128)
    media_type = models.CharField(max_length=100)
    description = models.TextField(blank=True)
    product_type = models.CharField(max_length=32, blank=True)
    file = models.ForeignKey(ResultFile, on_delete=models.PROTECT, related_name="results")

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["job", "name"], name="result_once")]

    def __str__(self) -> str:
        return self.name


class JobLog(models.Model):
    """What a job's processes wrote to standard output and error (`uws.logs`)."""

    job = models.OneToOneField(Job, on_delete=models.CASCADE, related_name="log")
    start = models.PositiveBigIntegerField(default=0, help_text="characters before the text, not kept")
    text = models.TextField(blank=True)

    def __str__(self) -> str:
        return f"log of {self.job_id}"


class Worker(models.Model):
    """A supervised worker that is, or was, running. One row for each boot."""

    boot_id = models.CharField(max_length=32, unique=True)
    host = models.CharField(max_length=255)
    slots = models.JSONField(default=dict, help_text="jobs that it runs at the same time, by queue")
    started = models.DateTimeField()
    heartbeat = models.DateTimeField()
    software = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"{self.host} {self.boot_id}"


class JobTypeSetting(models.Model):
    """What curators have decided about a job type; one without a row is as it is declared (`uws.offers`)."""

    class Audience(models.TextChoices):
        EVERYBODY = "everybody", "everybody"
        USERS = "users", "signed-in users"
        CURATORS = "curators", "curators"

    job_type = models.CharField(max_length=64, unique=True)
    enabled = models.BooleanField(default=True, help_text="off: no new jobs; those that there are stay")
    audience = models.CharField(max_length=9, choices=Audience.choices, default=Audience.EVERYBODY)
    groups = models.ManyToManyField(
        "auth.Group", blank=True, help_text="of signed-in users, only members of these; none: all of them"
    )
    execution_duration = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="seconds that a run may take, if less than declared",
    )

    def __str__(self) -> str:
        return self.job_type
