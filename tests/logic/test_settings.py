"""Settings from environment variables."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from api_schedule_post.settings import Settings as PostSettings
from delayer.settings import SettingsError, load_or_exit
from stream_dynamodb_fasttrack_enqueuer.settings import Settings as FastTrackSettings
from task_1minute_enqueuer.settings import Settings as SweepSettings

POST = {
    "HORIZON_SECONDS": "315360000",
    "METRICS_NAMESPACE": "Delayer",
    "SHARD_COUNT": "16",
    "TABLE_NAME": "schedules",
}
SWEEP = {
    "DELAYER_PERIOD_SECONDS": "840",
    "METRICS_NAMESPACE": "Delayer",
    "SHARD_COUNT": "16",
    "STREAM_ARN": "arn:aws:dynamodb:us-east-1:123456789012:table/schedules/stream/2026-01-01T00:00:00.000",
    "TABLE_NAME": "schedules",
}
FAST_TRACK = {
    "DELAYER_PERIOD_SECONDS": "840",
    "FAILURE_BUCKET_NAME": "failures",
    "METRICS_NAMESPACE": "Delayer",
    "QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/delayer",
    "TABLE_NAME": "schedules",
}

type Load = Callable[[Mapping[str, str]], object]
FUNCTIONS = pytest.mark.parametrize(
    ("load", "variables"),
    [
        pytest.param(PostSettings.from_environment, POST, id="api-schedule-post"),
        pytest.param(SweepSettings.from_environment, SWEEP, id="task-1minute-enqueuer"),
        pytest.param(FastTrackSettings.from_environment, FAST_TRACK, id="stream-dynamodb-fasttrack_enqueuer"),
    ],
)


def test_settings_are_read_from_variables() -> None:
    """Numbers are converted, and unknown variables are ignored."""
    assert PostSettings.from_environment(POST | {"HOME": "/"}) == PostSettings(315_360_000, "Delayer", 16, "schedules")


@FUNCTIONS
def test_missing_or_empty_variable_is_named(load: Load, variables: dict[str, str]) -> None:
    """Each variable is required: no setting has a silent default."""
    assert load(variables)
    for name in variables:
        for wrong in ({k: v for k, v in variables.items() if k != name}, variables | {name: ""}):
            with pytest.raises(SettingsError, match=f"^wrong settings: {name} is not set$"):
                load(wrong)


@FUNCTIONS
def test_one_error_names_every_mistake(load: Load, variables: dict[str, str]) -> None:
    """A single start shows everything that is wrong."""
    with pytest.raises(SettingsError) as raised:
        load({})
    assert all(f"{name} is not set" in str(raised.value) for name in variables)


@pytest.mark.parametrize(
    ("load", "variables", "name", "allowed", "refused"),
    [
        (PostSettings.from_environment, POST, "SHARD_COUNT", ["1", "1000"], ["0", "1001"]),
        (PostSettings.from_environment, POST, "HORIZON_SECONDS", ["3600"], ["3599", "3162240001"]),
        (SweepSettings.from_environment, SWEEP, "SHARD_COUNT", ["1", "1000"], ["0", "1001"]),
        (SweepSettings.from_environment, SWEEP, "DELAYER_PERIOD_SECONDS", ["60", "840"], ["59", "841"]),
        (FastTrackSettings.from_environment, FAST_TRACK, "DELAYER_PERIOD_SECONDS", ["60", "840"], ["59", "841"]),
        (
            FastTrackSettings.from_environment,
            FAST_TRACK,
            "MAX_LATENESS_SECONDS",
            ["60", "31536000"],
            ["59", "31536001"],
        ),
    ],
)
def test_number_outside_its_bounds_is_refused(
    load: Load, variables: dict[str, str], name: str, allowed: list[str], refused: list[str]
) -> None:
    """Both bounds are allowed, values beyond them are not."""
    for value in allowed:
        assert load(variables | {name: value})
    for value in refused:
        with pytest.raises(SettingsError, match=f"{name} must be from .* not {value}$"):
            load(variables | {name: value})


def test_max_lateness_is_optional() -> None:
    """MAX_LATENESS_SECONDS is the only variable that may be absent. The fast track then has no limit."""
    assert FastTrackSettings.from_environment(FAST_TRACK).max_lateness_seconds is None
    limited = FastTrackSettings.from_environment(FAST_TRACK | {"MAX_LATENESS_SECONDS": "3600"})
    assert limited.max_lateness_seconds == 3600


@pytest.mark.parametrize("value", ["many", "-1", "1.5", "1e3", " 16", "16 ", "0x10", "١٦", "²", "1_000", "9" * 5_000])
def test_number_in_another_form_is_refused(value: str) -> None:
    """Only ASCII digits are accepted, although int() also parses other forms."""
    with pytest.raises(SettingsError, match="SHARD_COUNT must be a whole number from 1 to 1000"):
        PostSettings.from_environment(POST | {"SHARD_COUNT": value})


@FUNCTIONS
def test_wrong_settings_end_the_process_with_one_line(load: Load, variables: dict[str, str]) -> None:
    """The line names the variables. There is no traceback."""
    with pytest.raises(SystemExit) as ended:
        load_or_exit(load, variables | {"TABLE_NAME": "", "METRICS_NAMESPACE": ""})
    line = ended.value.code
    assert isinstance(line, str)
    assert "\n" not in line
    assert "TABLE_NAME" in line
    assert "METRICS_NAMESPACE" in line
