"""What a renderer of Markdown shows of a page is what the plan says: nothing leaves its quotes."""

from __future__ import annotations

import json
import re
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.support.review.expected import FOUND
from tests.support.review.kept_plans import FOUND_PLANS, kept_plan
from tests.support.review.scenarios import SCENARIOS
from tools.review.danger import judge, quoted
from tools.review.markdown import GITHUB_LIMIT, fit, render
from tools.review.plan import Plan, plan_from
from tools.review.review import find_dangers

#: The only HTML of a page. Nothing else may look like it to a renderer.
OWN_HTML = re.compile(r"<br>|<details><summary><code>[^<>]*</code>: [\d,]+</summary>|</details>")

HOSTILE = [
    "x`\n\n<!-- ",
    "``` \n# Nothing changes.\n",
    "</code></summary></details><script>",
    "--> **No danger** <!--",
    "`a` `` b ``` c",
    "\u2028## Heading\u2029\r\n- item",
    "| a | b |\n|---|---|",
    "[link](https://evil.example) ![x](y) <https://z>",
    "\\` &lt;!-- \x00\x1b[31m \u202e",
    " `leading and trailing` ",
    "1. item\n   <br>`queue-destroyed` at `x`",
]


def page(plan: Plan) -> str:
    """Return the page of a plan."""
    return render(plan, judge(find_dangers(plan), [], date(2026, 11, 25)))


class Seen:
    """What a reader sees: the texts in code, and everything that a renderer takes as HTML."""

    def __init__(self, text: str) -> None:
        self.codes: list[str] = []
        self.html: list[str] = []
        self.numbered = 0
        self._read(MarkdownIt("commonmark", {"html": True}).enable("table").parse(text))

    def _read(self, tokens: list[Token]) -> None:
        depth = 0
        for token in tokens:
            depth += {"ordered_list_open": 1, "ordered_list_close": -1}.get(token.type, 0)
            self.numbered += token.type == "list_item_open" and depth == 1
            if token.type in ("code_inline", "fence"):
                self.codes.append(token.content)
            if token.type in ("html_inline", "html_block"):
                self.html += token.content.strip().split("\n")
            assert token.type not in ("image", "link_open", "code_block", "table_open"), token
            self._read(token.children or [])


def check(plan: Plan) -> Seen:
    """Compare what a reader sees with what the plan says."""
    shown = page(plan)
    seen = Seen(shown)
    assert [part for part in seen.html if not OWN_HTML.fullmatch(part)] == []
    opened = sum(part.startswith("<details>") for part in seen.html)
    assert opened == sum(part == "</details>" for part in seen.html)
    dangers = find_dangers(plan)
    assert seen.numbered == len(dangers)
    for danger in dangers:
        assert danger.id in seen.codes
        assert code(danger.address) in seen.codes
    for change in plan.changes:
        assert code(change.address) in seen.codes
    return seen


def code(text: str) -> str:
    """Return how a text is shown in code: as JSON if a part of it can't be printed."""
    shown: str = Seen(quoted(text, 10_240)).codes[0]
    return shown


@pytest.mark.parametrize("name", SCENARIOS)
def test_page_of_a_scenario_shows_what_the_plan_says(name: str) -> None:
    """Each danger and each change is there to be seen."""
    check(plan_from(kept_plan(name), name))


@pytest.mark.parametrize("name", FOUND)
def test_page_of_a_found_plan_shows_what_the_plan_says(name: str) -> None:
    """Two of them open an HTML comment in a tag's key."""
    check(plan_from(json.loads(FOUND_PLANS.read_text(encoding="utf-8"))[name], name))


def hostile_plan(text: str) -> dict[str, Any]:
    """Return a plan that holds a text wherever a plan can hold one."""
    values = {"id": text, "name": text, "tags": {text: text}, text: [text], "doc": f"{text}\n{text}", "long": text * 20}
    policy = {"Version": text, "Statement": [{"Sid": text, "Effect": "Allow", "Action": text, "Resource": text}]}

    def change(address: str, actions: list[str], before: Any, after: Any, **facts: Any) -> dict[str, Any]:
        kind = {"type": text, "name": text, "module_address": f"module.{text}", "mode": "managed"}
        return {"address": address, **kind, **facts, "change": {"actions": actions, "before": before, "after": after}}

    other = {
        **values,
        "tags": {text: f"{text}y"},
        "doc": f"{text}\nmore\n{text}",
        "long": f"{text * 10}!{text * 10}",
        text: text,
        "policy": json.dumps(policy),
    }
    changed = change(text, ["update"], values, other, previous_address=text, action_reason=text)
    replaced = change(f"{text}2", ["create", "delete"], values, other, deposed=text)
    replaced["change"]["replace_paths"] = [[text]]
    imported = change(f"{text}3", ["no-op"], values, values)
    imported["change"]["importing"] = {"id": text}
    return {
        "format_version": "1.2",
        "resource_changes": [changed, replaced, imported, change(f"{text}4", ["delete"], values, None)],
        "resource_drift": [change(text, ["update"], values, other), change(f"{text}5", ["delete"], values, None)],
        "output_changes": {text: {"actions": ["update"], "before": text, "after": f"{text}{text}"}},
        "checks": [
            {
                "address": {"to_display": text},
                "status": "fail",
                "instances": [{"problems": [{"message": text}]}],
            }
        ],
        "deferred_changes": [{"reason": text, "resource_change": {"address": text}}],
        "action_invocations": [{"address": text}],
        "variables": {"environment": {"value": text}},
    }


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_leaves_its_quotes(text: str) -> None:
    """A text is the key of a map, an address, a message, a name and a value of every kind."""
    seen = check(plan_from(hostile_plan(text), "hostile"))
    for shown in (text, f"tags.{text}", f"output.{text}"):
        assert code(shown) in seen.codes


@given(text=st.text(alphabet=st.sampled_from("`<>!-#*_|[]()&;\\ \n\r\tax1.~="), min_size=1, max_size=12))
def test_no_text_leaves_its_quotes(text: str) -> None:
    """Any combination of the characters that Markdown knows."""
    check(plan_from(hostile_plan(text), "hostile"))


class TestFit:
    """A page that is too long."""

    def long_page(self, count: int) -> str:
        """Return the uncut page of a plan that destroys and changes many resources."""
        plan = plan_from(
            {
                "format_version": "1.2",
                "resource_changes": [
                    {
                        "address": f"module.m{number % 3}.a.b[{number}]", "type": "a", "name": "b", "mode": "managed",
                        "module_address": f"module.m{number % 3}",
                        "change": {"actions": ["update"], "before": {"x": "old\nlines"}, "after": {"x": "new\nlines"}},
                    }
                    for number in range(count)
                ],
            },
            "long",
        )  # fmt: skip
        return render(plan, judge(find_dangers(plan), [], date(2026, 11, 25)), limit=10**9)

    @pytest.mark.parametrize("limit", [2_000, 30_000, 60_000, GITHUB_LIMIT])
    def test_page_is_cut_from_its_end_and_counts_what_is_left_out(self, limit: int) -> None:
        """Nothing that was opened stays open, and every danger and change is shown or counted."""
        whole = self.long_page(400)
        cut = fit(whole, limit)
        assert len(cut) <= limit
        seen = Seen(cut)
        assert [part for part in seen.html if not OWN_HTML.fullmatch(part)] == []
        assert cut.count("<details>") == cut.count("</details>")
        left = {
            name: int(count.replace(",", ""))
            for count, name in re.findall(r"([\d,]+) (danger|change)s? ?", cut.rpartition("Left out:")[2])
        }
        assert seen.numbered + left.get("danger", 0) == 400
        assert len(re.findall(r"^- ~ ", cut, re.MULTILINE)) + left["change"] == 400

    def test_page_that_fits_stays(self) -> None:
        """It has no note."""
        whole = self.long_page(3)
        assert fit(whole) == whole
        assert "Cut short" not in whole
