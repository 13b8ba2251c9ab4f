"""`python -m tests.tools.review.example` renews what docs/operations/ quotes of the review; a test compares.

review-example.md is a review of one of the kept plans, dangers.md the table of all dangers, and deploying.md quotes
more reviews, each between two comments.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from tests.tools.review.real_plans import kept_plan
from tools.review.accepted import Accepted, judge, read_accepted
from tools.review.dangers import DANGERS, find_dangers
from tools.review.markdown import render
from tools.review.plan import read_plan

__all__ = ["DOCS", "danger_table", "example", "quoting"]

DOCS = Path(__file__).parents[3] / "docs" / "operations"

_TODAY = date(2026, 11, 25)

_ACCEPTED_LOGS = """\
[[accepted]]
danger = "retention-shortened"
address = "module.http_api.aws_cloudwatch_log_group.access"
reason = "Access logs are kept by the log archive since October."
expires = 2026-12-31
"""

_ACCEPTED_LATENESS = """\
[[accepted]]
danger = "lateness-limited"
address = "module.stream_dynamodb_fasttrack_enqueuer.aws_lambda_function.this"
reason = "The shop rejects orders that are an hour old; agreed with its team."
expires = 2026-12-02
"""

_EXAMPLE = f"""\
<!-- Made by python -m tests.tools.review.example; a test compares. -->

What `make review` says of a plan that real Terraform made of this configuration after an unfortunate merge
(`retention_shortened` in `tests/tools/review/scenarios.py`). One of its dangers is accepted in
`terraform/environments/prod.accepted.toml`:

```toml
{_ACCEPTED_LOGS}```

The exit status is 2, for the others are not.

---

"""

_DANGERS = """\
<!-- Made by python -m tests.tools.review.example; a test compares. -->

# The dangers that `make review` knows

By their ids, which a file of accepted dangers names. What a page says of each names the resource, and what would be
lost, late, open or silent there. `make dangers` applies prod to the embedded AWS, with its state in S3, and plans and
reviews a change for each of them; it takes a quarter of an hour. `make test` reviews kept plans.

| id | what it is |
|---|---|
"""


def example() -> str:
    """docs/operations/review-example.md."""
    return _EXAMPLE + _page("retention_shortened", _ACCEPTED_LOGS)


def danger_table() -> str:
    """docs/operations/dangers.md."""
    return _DANGERS + "".join(f"| `{name}` | {said} |\n" for name, said in sorted(DANGERS.items()))


def quoting(text: str) -> str:
    """A page of docs/operations/ with what it quotes renewed."""
    harmless = _page("harmless").splitlines()
    quotes = {
        "harmless": "\n".join([*harmless[: harmless.index("## Changes") + 7], "…", ""]),
        "lateness": _page("lateness_limited"),
        "entry": _ACCEPTED_LATENESS,
        "accepted": _page("lateness_limited", _ACCEPTED_LATENESS).partition("## Changes")[0],
    }
    for name, quote in quotes.items():
        kind = "toml" if name == "entry" else "markdown"
        text = re.sub(
            rf"(<!-- quoted: {name} -->\n).*?(?=<!-- end -->)",
            lambda found, kind=kind, quote=quote: f"{found[1]}```{kind}\n{quote.strip()}\n```\n",  # type: ignore[misc]
            text,
            flags=re.DOTALL,
        )
    return text


def _page(name: str, accepted: str = "") -> str:
    plan = read_plan(kept_plan(name), name)
    return render(plan, judge(find_dangers(plan), _entries(accepted), _TODAY), [])


def _entries(accepted: str) -> Sequence[Accepted]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "prod.accepted.toml"
        path.write_text(accepted, encoding="utf-8")
        return read_accepted(path, path.name, _TODAY)


if __name__ == "__main__":
    (DOCS / "review-example.md").write_text(example(), encoding="utf-8")
    (DOCS / "dangers.md").write_text(danger_table(), encoding="utf-8")
    _deploying = DOCS / "deploying.md"
    _deploying.write_text(quoting(_deploying.read_text(encoding="utf-8")), encoding="utf-8")
