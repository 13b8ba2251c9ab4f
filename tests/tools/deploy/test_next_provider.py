"""Whatever another provider's schema refuses in the Terraform here is named with its file."""

from pathlib import Path

import pytest

from tools.deploy.next_provider import check, read_uses
from tools.project import CONFIGURATION

#: A resource as @cdktf/provider-aws declares it.
SCHEMA = """
export interface WidgetConfig extends cdktf.TerraformMetaArguments {
    /**
    * Docs at Terraform Registry: {@link https://registry.example/widget#max_size Widget#max_size}
    */
    readonly maxSize: number;
    /**
    * Docs at Terraform Registry: {@link https://registry.example/widget#tags Widget#tags}
    */
    readonly tags?: {
        [key: string]: string;
    };
    /**
    * access_log block
    *
    * Docs at Terraform Registry: {@link https://registry.example/widget#access_log Widget#access_log}
    */
    readonly accessLog?: WidgetAccessLog[] | cdktf.IResolvable;
}
export interface WidgetAccessLog {
    /**
    * Docs at Terraform Registry: {@link https://registry.example/widget#format Widget#format}
    */
    readonly format: string;
}
export declare class WidgetAccessLogOutputReference extends cdktf.ComplexObject {
    get format(): string;
}
export declare class Widget extends cdktf.TerraformResource {
    static readonly tfResourceType = "aws_widget";
    constructor(scope: Construct, id: string, config: WidgetConfig);
    get executionArn(): string;
}
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Return an unpacked @cdktf/provider-aws with one resource."""
    declared = tmp_path / "package" / "lib" / "widget" / "index.d.ts"
    declared.parent.mkdir(parents=True)
    declared.write_text(SCHEMA)
    return tmp_path / "package"


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("  max_size = 1\n\n  tags = {\n    name = 1\n  }\n\n  access_log {\n    format = 2\n  }\n", None),
        ("  for_each = {}\n  max_size = each.value\n\n  lifecycle {\n    prevent_destroy = true\n  }\n", None),
        ("  tags = {}\n", "widget: max_size is required"),
        ("  max_size = 1\n  colour   = 2\n", "widget.colour: there is no such argument or block"),
        ("  max_size = 1\n\n  colour {\n    red = 2\n  }\n", "widget.colour.red: there is no such argument or block"),
        ("  max_size   = 1\n  access_log = []\n", "widget.access_log: this is a block there"),
        ("  max_size = 1\n\n  tags {}\n", "widget.tags.{}: this is an argument there"),
        ("  max_size = 1\n\n  access_log {}\n", "widget.access_log.{}: format is required"),
        (
            '  max_size = 1\n\n  dynamic "access_log" {\n    content {\n      size = 2\n    }\n  }\n',
            "widget.access_log.size: there is no such argument or block",
        ),
    ],
)
def test_resource_is_checked_against_the_schema(package: Path, tmp_path: Path, body: str, problem: str | None) -> None:
    """Arguments, blocks, dynamic blocks and required members are; meta-arguments and the keys of maps are not."""
    (tmp_path / "main.tf").write_text(f'resource "aws_widget" "this" {{\n{body}}}\n')
    problems = check(read_uses(tmp_path), package)
    assert problems[:1] == ([f"main.tf: aws_{problem}"] if problem else [])


@pytest.mark.parametrize(
    ("reference", "problem"),
    [
        ("aws_widget.this.execution_arn", None),
        ('values(aws_widget.this["a"])[*].execution_arn', None),
        ("aws_widget.this.format", "aws_widget.format: there is no such attribute"),
        ("data.aws_widget.this.id", "data.aws_widget.id: there is no such resource, data source or provider"),
    ],
)
def test_reference_is_checked_against_the_attributes(
    package: Path, tmp_path: Path, reference: str, problem: str | None
) -> None:
    """A reference to an attribute of the resource itself passes; one to an attribute of its blocks does not."""
    (tmp_path / "main.tf").write_text(f"# aws_widget.this.comment\nlocals {{\n  found = {reference}\n}}\n")
    assert check(read_uses(tmp_path), package) == ([f"main.tf: {problem}"] if problem else [])


def test_every_resource_and_data_source_is_read() -> None:
    """The configuration is read whole: each declared object is one use, and none is without an argument."""
    uses = read_uses(CONFIGURATION)
    declared = sum(
        path.read_text().count(f'\n{word} "aws')
        for path in CONFIGURATION.rglob("*.tf")
        for word in ("resource", "data", "provider")
    )
    objects = [use for use in uses if not use.path]
    assert len(objects) == declared > 40
    without = {"data.aws_partition", "data.aws_region"}
    assert {use.kind for use in uses if use.path and not use.is_reference} == {use.kind for use in objects} - without
