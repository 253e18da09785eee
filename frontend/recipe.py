"""How to do the same from a program: the lines that submit parameters with pyvo, or with curl."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pprint import pformat


def python(url: str, parameters: Mapping[str, Sequence[str]]) -> str:
    """A Python program that makes a job at the job list `url`, waits for it and lists its results."""
    data = {name: list(texts) if len(texts) > 1 else texts[0] for name, texts in parameters.items() if texts}
    lines = [
        "import pyvo",
        "import requests",
        "",
        "answer = requests.post(",
        f'    "{url}",',
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


def curl(url: str, parameters: Mapping[str, Sequence[str]]) -> str:
    """Shell lines that make the job and start it, wait up to a minute for a change, and show it."""
    given = [
        f"--data-urlencode {shlex.quote(f'{name}={text}')}" for name, texts in parameters.items() for text in texts
    ]
    made = " \\\n  ".join(
        ["job=$(curl -s -o /dev/null -w '%{redirect_url}' -d PHASE=RUN", *given, f"{shlex.quote(url)})"]
    )
    return f'{made}\ncurl -s "$job?WAIT=60"\n'


def _indented(text: str, blanks: int) -> list[str]:
    first, *rest = text.split("\n")
    return [" " * blanks + first, *(" " * (blanks + len("data=")) + line for line in rest)]
