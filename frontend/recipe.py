"""How to do the same from Python: the lines that submit a job's parameters with pyvo."""

from __future__ import annotations

from pprint import pformat

from uws import jobtypes
from uws.models import Job


def recipe(job: Job, base_url: str) -> str:
    """A Python program that makes the job anew, waits for it and lists its results."""
    data = {name: texts if len(texts) > 1 else texts[0] for name, texts in job.parameters.items() if texts}
    lines = [
        "import pyvo",
        "import requests",
        "",
        "answer = requests.post(",
        f'    "{base_url}/{jobtypes.location(job.job_type)}",',
        *_indented(f"data={pformat(data, width=88, sort_dicts=False)},", 4),
        "    allow_redirects=False,",
        "    timeout=60,",
        ")",
        'job = pyvo.dal.AsyncTAPJob(answer.headers["Location"])',
        "job.run()",
        "job.wait(timeout=600)",
        "job.raise_if_error()",
        "for result in job.results:",
        "    print(result.id_, result.href)",
    ]
    return "\n".join(lines) + "\n"


def _indented(text: str, blanks: int) -> list[str]:
    first, *rest = text.split("\n")
    return [" " * blanks + first, *(" " * (blanks + len("data=")) + line for line in rest)]
