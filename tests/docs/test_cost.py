"""README.md's costs are the calculator's."""

import re

import pytest

from delayer.schedule_table import WRITES_PER_CALL
from tests.support.documents import ROOT
from tools.capacity.cost import bill, scheduler_bill, total
from tools.capacity.model import Workload
from tools.capacity.needs import plan
from tools.capacity.report import dollars


@pytest.mark.parametrize(
    ("page", "rates"),
    [("README.md", (1_000, 1_000_000)), ("docs/scaling.md", (1_000, 100_000, 1_000_000, 10_000_000))],
)
def test_costs_of_a_page_are_those_of_make_capacity(page: str, rates: tuple[int, ...]) -> None:
    """Both services' dollars a month, by the schedules a day.

    A tenth of them is due at once. The columns for batches post as many in a request as one BatchWriteItem stores; the
    load of the provisioned table is steady.
    """
    text = (ROOT / page).read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([\d,]+) \| (\S+) \| (\S+) \| (\S+) \| (\S+) \|$", text, re.MULTILINE)
    expected = []
    for rate in rates:
        single, batched = (Workload(rate, rate / 10, 300, batch=batch) for batch in (1, WRITES_PER_CALL))
        steady = Workload(rate, max(1, rate / 86_400), 300, batch=WRITES_PER_CALL)
        bills = [bill(load, plan(load)) for load in (single, batched, steady)]
        amounts = [
            *(total(each.common, each.on_demand) for each in bills[:2]),
            total(bills[2].common, bills[2].provisioned),
            total(scheduler_bill(single)),
        ]
        expected.append((f"{rate:,}", *map(dollars, amounts)))
    assert rows == expected
