"""`python -m tests.review.example` renews docs/operations/review-example.md, a review of one of the kept plans."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from tests.review.real_plans import kept_plan
from tools.review.accepted import Accepted, judge
from tools.review.dangers import find_dangers
from tools.review.markdown import render
from tools.review.plan import read_plan

__all__ = ["example"]

_PAGE = Path(__file__).parents[2] / "docs" / "operations" / "review-example.md"

_INTRODUCTION = """\
<!-- Made by python -m tests.review.example; a test compares. -->

What `make review` says of a plan that real Terraform made of this configuration after an unfortunate merge
(`retention_shortened` in `tests/review/scenarios.py`). One of its dangers is accepted in
`terraform/environments/prod.accepted.toml`:

```toml
[[accepted]]
danger = "retention-shortened"
address = "module.http_api.aws_cloudwatch_log_group.access"
reason = "Access logs are kept by the log archive since October."
expires = 2026-12-31
```

The exit status is 2, for the others are not.

---

"""


def example() -> str:
    """The page."""
    plan = read_plan(kept_plan("retention_shortened"), "retention_shortened")
    entry = Accepted(
        "retention-shortened",
        "module.http_api.aws_cloudwatch_log_group.access",
        "Access logs are kept by the log archive since October.",
        date(2026, 12, 31),
    )
    return _INTRODUCTION + render(plan, judge(find_dangers(plan), [entry], date(2026, 11, 25)), [])


if __name__ == "__main__":
    _PAGE.write_text(example(), encoding="utf-8")
