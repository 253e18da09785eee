"""`manage.py publish JOB RESULT --collection C`: make a result of a job a product of the archive."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from archive.publication.content import NotPublishable, kinds
from archive.publication.publish import publish
from archive.releases import DEFAULT_RELEASE
from uws.models import Job


class Command(BaseCommand):
    help = (
        "Publish a result of a completed job: it gets an identifier, a row in ObsCore and links to what it was made "
        f"from. Kinds that can be published: {', '.join(kinds())}. Run again, it changes nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("job", help="identifier of the job")
        parser.add_argument("result", help="name of the result, as in the job's result list")
        parser.add_argument("--collection", required=True, help="name of the collection (obs_collection)")
        parser.add_argument("--release", default=DEFAULT_RELEASE, help="release of it (default: %(default)s)")
        parser.add_argument(
            "--owner-agrees", action="store_true", help="the user whose job it is has agreed to its publication"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        job = Job.objects.select_related("owner").filter(public_id=options["job"]).first()
        if job is None:
            raise CommandError(f"there is no job {options['job']!r}")
        try:
            made = publish(
                job,
                options["result"],
                options["collection"],
                options["release"],
                has_consent=options["owner_agrees"],
            )
        except NotPublishable as refusal:
            raise CommandError(str(refusal)) from None
        self.stdout.write(f"{made.product.did}{'' if made.is_new else ' (published before)'}")
