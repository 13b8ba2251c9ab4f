"""CloudWatch's metric math and alarm evaluation, as its user guide documents them, over one value a minute.

Amazon CloudWatch user guide: "Using math expressions with CloudWatch metrics", and "Configuring how CloudWatch alarms
treat missing data". A missing value is None. Where the guide leaves room, `Reading` has both ways.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

type Series = list[float | None]

_OPERATORS: Mapping[type[ast.AST], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Eq: operator.eq,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_BREACHES = {"GreaterThanThreshold": operator.gt, "LessThanThreshold": operator.lt}


@dataclass(frozen=True, slots=True)
class Reading:
    """What the user guide leaves open.

    `further_minutes`: how many minutes before the evaluation periods an alarm looks at for the place of missing values.
    `late_minutes`: how many of the latest minutes have not arrived when it does.
    `missing_is_zero`: where one of two series has a value, + and - take 0 for the other; else they give no value.
    `fills_empty`: FILL gives a series without any value the filler in every minute; else it stays empty.
    """

    further_minutes: int
    late_minutes: int
    missing_is_zero: bool
    fills_empty: bool


READINGS = [Reading(*chosen) for chosen in product((2, 5), (0, 1), (True, False), (True, False))]


def states(
    alarm: Mapping[str, Any], metrics: Mapping[str, Series], reading: Reading, start: int = 0, state: str = "unknown"
) -> list[str]:
    """The state of a planned alarm after each minute from `start` on, given its metrics' values by their names.

    `state` is the one before, which an alarm keeps where missing values are ignored and there are no others.
    """
    found = []
    (length,) = {len(series) for series in metrics.values()}
    for now in range(start, length):
        visible = {
            name: [
                series[minute] if 0 <= minute <= now - reading.late_minutes else None
                for minute in range(now - alarm["evaluation_periods"] - reading.further_minutes + 1, now + 1)
            ]
            for name, series in metrics.items()
        }
        state = _state(alarm, _compared(alarm, visible, reading), state)
        found.append(state)
    return found


def _compared(alarm: Mapping[str, Any], metrics: Mapping[str, Series], reading: Reading) -> Series:
    """The values that an alarm compares with its threshold."""
    if not alarm["metric_query"]:
        return metrics[alarm["metric_name"]]
    expressions = {query["id"]: query["expression"] for query in alarm["metric_query"] if query["expression"]}
    given = {
        query["id"]: metrics[query["metric"][0]["metric_name"]] for query in alarm["metric_query"] if query["metric"]
    }
    compared = _Expressions(expressions, given, reading).evaluate("alarm")
    assert isinstance(compared, list)
    return compared


def _state(alarm: Mapping[str, Any], values: Series, state: str) -> str:
    """An alarm's next state."""
    needed, periods = alarm["datapoints_to_alarm"], alarm["evaluation_periods"]
    real = [value for value in values if value is not None][-periods:]
    breaching = sum(_BREACHES[alarm["comparison_operator"]](value, alarm["threshold"]) for value in real)
    missing = periods - len(real)
    if breaching >= needed:
        return "ALARM"
    match alarm["treat_missing_data"]:
        case "breaching":
            return "ALARM" if breaching + missing >= needed else "OK"
        case "ignore" if missing and breaching == len(real):
            return state
        case _:
            return "OK"


class _Expressions:
    """Expressions by their ids, over metrics by theirs."""

    def __init__(self, expressions: Mapping[str, str], metrics: Mapping[str, Series], reading: Reading) -> None:
        self._expressions = expressions
        self._metrics = metrics
        self._reading = reading
        self._length = len(next(iter(metrics.values())))

    def evaluate(self, name: str) -> Series | float:
        """The value of a metric or an expression."""
        if name in self._metrics:
            return self._metrics[name]
        return self._value(ast.parse(re.sub(r"\bAND\b", "and", self._expressions[name]), mode="eval").body)

    def _value(self, node: ast.expr) -> Series | float:
        match node:
            case ast.Constant(value=int() | float() as number):
                return float(number)
            case ast.Name(id=name):
                return self.evaluate(name)
            case ast.BinOp(left=left, op=sign, right=right):
                return self._combined(_OPERATORS[type(sign)], left, right)
            case ast.Compare(left=left, ops=[sign], comparators=[right]):
                return self._combined(_OPERATORS[type(sign)], left, right)
            case ast.BoolOp(op=ast.And(), values=[left, right]):
                return self._combined(lambda one, other: bool(one) and bool(other), left, right)
            case ast.Call(func=ast.Name(id=function), args=arguments):
                return self._called(function, arguments)
        raise AssertionError(ast.dump(node))

    def _combined(self, combine: Callable[[float, float], float], left: ast.expr, right: ast.expr) -> Series | float:
        one, other = self._value(left), self._value(right)
        if isinstance(one, float) and isinstance(other, float):
            return float(combine(one, other))
        # Missing is 0 between two series only: a number has no minutes.
        is_zero = self._reading.missing_is_zero and isinstance(one, list) and isinstance(other, list)

        def pair(first: float | None, second: float | None) -> float | None:
            there = (first is not None) + (second is not None)
            return float(combine(first or 0, second or 0)) if there == 2 or (there and is_zero) else None

        return [pair(*values) for values in zip(self._spread(one), self._spread(other), strict=True)]

    def _called(self, function: str, arguments: Sequence[ast.expr]) -> Series:
        match function:
            case "FILL":
                return self._filled(self._series(arguments[0]), arguments[1])
            case "DIFF":
                return _difference(self._series(arguments[0]))
            case "SUM":
                return [_sum(values) for values in zip(*self._array(arguments[0]), strict=True)]
            case "IF":
                condition = self._series(arguments[0])
                chosen = [self._spread(self._value(argument)) for argument in arguments[1:]]
                return [self._choice(*values) for values in zip(condition, *chosen, strict=True)]
        raise AssertionError(function)

    @staticmethod
    def _choice(condition: float | None, chosen: float | None, other: float | None = None) -> float | None:
        if condition is None:
            return None
        # Where the condition holds and there is no value, the guide's tables have 0.
        return (chosen or 0.0) if condition else other

    def _filled(self, series: Series, filler: ast.expr) -> Series:
        is_empty = all(value is None for value in series)
        if isinstance(filler, ast.Name) and filler.id == "REPEAT":
            return list(_repeated(series))
        if is_empty and not self._reading.fills_empty:
            return series
        value = self._value(filler)
        assert isinstance(value, float)
        return [value if each is None else each for each in series]

    def _array(self, node: ast.expr) -> list[Series]:
        if isinstance(node, ast.List):
            return [self._series(element) for element in node.elts]
        assert ast.unparse(node) == "METRICS()"
        return list(self._metrics.values())

    def _series(self, node: ast.expr) -> Series:
        value = self._value(node)
        assert isinstance(value, list)
        return value

    def _spread(self, value: Series | float) -> Series:
        return [value] * self._length if isinstance(value, float) else value


def _sum(values: Sequence[float | None]) -> float | None:
    there = [value for value in values if value is not None]
    return sum(there) if there else None


def _difference(series: Series) -> Series:
    """Each value less the one before it; the first has none."""
    before: float | None = None
    found: Series = []
    for value in series:
        found.append(None if value is None or before is None else value - before)
        before = before if value is None else value
    return found


def _repeated(series: Series) -> Iterator[float | None]:
    last = None
    for value in series:
        last = last if value is None else value
        yield last
