"""The quotes in docs/operations/ are what the review prints; `--write=pages` renews them.

review-example.md is a review of one of the kept plans, dangers.md the table of all dangers, and reviewing.md quotes
more reviews, each between two comments.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.support.review.kept_plans import scenario
from tools.project import ROOT
from tools.review.danger import SENTENCES, Accepted, judge, read_accepted
from tools.review.markdown import render
from tools.review.review import find_dangers
from tools.review.table import HARMLESS, RULES

_TODAY = date(2026, 11, 25)

_ACCEPTED_LOGS = """\
[[accepted]]
danger = "retention-shortened"
address = "module.delayer.module.http_api.aws_cloudwatch_log_group.access"
reason = "Access logs are kept by the log archive since October."
expires = 2026-12-31
"""

_ACCEPTED_LATENESS = """\
[[accepted]]
danger = "lateness-limited"
address = "module.delayer.module.stream_dynamodb_fasttrack_enqueuer.aws_lambda_function.this"
reason = "The shop rejects orders that are an hour old; agreed with its team."
expires = 2026-12-02
"""

_EXAMPLE = f"""\
<!-- Written by pytest tests/tools/review --write=pages; a test compares. -->

The page that `make review` prints for a plan that Terraform made of this configuration after an unfortunate merge
(`retention_shortened` in `tests/support/review/scenarios.py`). One of its dangers is accepted in
`terraform/environments/prod.accepted.toml`:

```toml
{_ACCEPTED_LOGS}```

The exit status is 2, because nobody accepted the others.

---

"""

_DANGERS = """\
<!-- Written by pytest tests/tools/review --write=pages; a test compares. -->

# The dangers that `make review` names

A file of accepted dangers names a danger by its id. A page names the resource too, and says what would be lost, late,
open or silent. `tools/review/dangers.toml` holds all sentences, in this order: losses first.

`make dangers` applies prod to the embedded AWS, with its state in S3, and plans and reviews changes for most dangers;
it takes a quarter of an hour. `make test` reviews kept plans.

| id | meaning |
|---|---|
"""


_JUDGED = """
## What is judged

`tools/review/rules.toml` has these rows, by the type of the resource or the resource itself. A change of an attribute
in the second column is harmless, whatever it is. One in the third can be the danger, and some of those are harmless in
one direction or to some values. Everything else is judged by Python (policies, permissions, the functions' code,
shards and workers) or is `unjudged-change`.

| resources | harmless | judged |
|---|---|---|
"""


def example() -> str:
    """Return docs/operations/review-example.md."""
    return _EXAMPLE + _page("retention_shortened", _ACCEPTED_LOGS)


def danger_table() -> str:
    """Return docs/operations/dangers.md."""
    dangers = "".join(f"| `{name}` | {entry['means']} |\n" for name, entry in SENTENCES.items())
    return _DANGERS + dangers + _JUDGED + "".join(_judged_rows())


def _judged_rows() -> Iterator[str]:
    """Return a line for each table of rules.toml: its harmless attributes, and those with a danger."""
    for table, rules in sorted(RULES.items()):
        rows = rules["attributes"]
        harmless = [path for path, row in rows.items() if row.get("danger") in HARMLESS]
        judged = [f"{path} ({', '.join(_ids(row))})" for path, row in rows.items() if _ids(row)]
        if harmless or judged:
            yield f"| {table} | {', '.join(harmless)} | {', '.join(judged)} |\n"


def _ids(row: Any) -> list[str]:
    """Return the ids of the dangers that a row names."""
    values = [*row.values(), *row.get("values", {}).values()]
    ids = (value.partition("/")[0] for value in values if isinstance(value, str))
    return list(dict.fromkeys(each for each in ids if each in SENTENCES))


def quoting(text: str) -> str:
    """Return a page of docs/operations/ with its quotes renewed."""
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
    plan = scenario(name)
    return render(plan, judge(find_dangers(plan), _entries(accepted), _TODAY))


def _entries(accepted: str) -> Sequence[Accepted]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "prod.accepted.toml"
        path.write_text(accepted, encoding="utf-8")
        return read_accepted(path, path.name, _TODAY)


@pytest.mark.parametrize("name", ["dangers.md", "review-example.md", "reviewing.md"])
def test_page_quotes_what_the_review_prints(pytestconfig: pytest.Config, name: str) -> None:
    """A page that differs is out of date, or the review prints something else than intended."""
    path = ROOT / "docs" / "operations" / name
    kept = path.read_text(encoding="utf-8")
    made = {"dangers.md": danger_table, "review-example.md": example}.get(name, lambda: quoting(kept))()
    if pytestconfig.getoption("--write", default=None) == "pages":
        path.write_text(made, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == made


def test_reviewing_page_quotes_four_reviews() -> None:
    """The comments around the quotes are still there."""
    text = (ROOT / "docs" / "operations" / "reviewing.md").read_text(encoding="utf-8")
    assert text.count("<!-- quoted: ") == text.count("<!-- end -->") == 4
