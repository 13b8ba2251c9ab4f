"""make destroy: a protected environment is not taken apart."""

import json

import pytest

from tests.support.fake_terraform import FakeTerraform
from tools.deploy import destroy
from tools.project import CommandError


@pytest.mark.usefixtures("checkout")
class TestDestroy:
    """What is protected is not taken apart."""

    @staticmethod
    def state(*, is_protected: bool) -> str:
        """An applied environment's state, as Terraform shows it to programs."""
        table = {"type": "aws_dynamodb_table", "values": {"deletion_protection_enabled": is_protected}}
        return json.dumps({"values": {"root_module": {"child_modules": [{"resources": [table]}]}}})

    def test_protected(self, fake_terraform: FakeTerraform) -> None:
        """A protected table keeps everything around it, and the message says how to mean it."""
        fake_terraform.says("show", self.state(is_protected=True))
        with pytest.raises(CommandError, match=r"prod is protected.*deletion_protection = false in .*prod\.tfvars"):
            destroy.destroy("prod")
        assert fake_terraform.calls("destroy") == []

    def test_not_protected(self, fake_terraform: FakeTerraform) -> None:
        """What isn't protected is destroyed by Terraform, which asks first."""
        fake_terraform.says("show", self.state(is_protected=False))
        destroy.destroy("dev")
        (call,) = fake_terraform.calls("destroy")
        assert not any("auto-approve" in argument for argument in call)

    def test_nothing_there(self, fake_terraform: FakeTerraform) -> None:
        """An environment that was never applied shows no values, and is no error."""
        fake_terraform.says("show", '{"format_version": "1.0"}')
        destroy.destroy("dev")
        assert len(fake_terraform.calls("destroy")) == 1
