"""What the project is trained from, and YAML that cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.failure import Failure
from cli.project import Project
from cli.stack import gateway_values


@pytest.fixture
def project(tmp_path: Path) -> Project:
    for name in ("config.yml", "domain.yml", "credentials.yml", "endpoints.yml"):
        (tmp_path / name).write_text("key: value\n")
    for folder in ("data/nlu", "models", "nlu"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "data/nlu/greet.yml").write_text("nlu: []\n")
    (tmp_path / "nlu/dates.py").write_text("YEAR = 2026\n")
    return Project(tmp_path)


@pytest.mark.parametrize(
    ("file", "changes"),
    [
        ("config.yml", True),
        ("domain.yml", True),
        ("data/nlu/greet.yml", True),
        ("data/nlu/new.yml", True),
        ("nlu/dates.py", True),
        ("credentials.yml", False),
        ("endpoints.yml", False),
        ("models/other.txt", False),
    ],
)
def test_model_is_named_after_what_it_is_made_from(
    project: Project, file: str, changes: bool
) -> None:
    before = project.model_path()
    (project.root / file).write_text("different: true\n")
    assert (project.model_path() != before) is changes


def test_moving_text_between_files_is_a_change(project: Project) -> None:
    (project.root / "data/a.yml").write_text("12")
    (project.root / "data/b.yml").write_text("3")
    before = project.fingerprint()
    (project.root / "data/a.yml").write_text("1")
    (project.root / "data/b.yml").write_text("23")
    assert project.fingerprint() != before


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a: 1\nb: [1, 2\nc: 3\n", "data/nlu/greet.yml:3: broken YAML"),
        ("a: b: c\n", "data/nlu/greet.yml:1: broken YAML: mapping values are not allowed"),
        ("nlu:\n\t- tab\n", "data/nlu/greet.yml:2: broken YAML"),
        ("a: 'open\n", "data/nlu/greet.yml:2: broken YAML"),
    ],
)
def test_broken_yaml_is_named_with_its_line(project: Project, content: str, said: str) -> None:
    (project.root / "data/nlu/greet.yml").write_text(content)
    with pytest.raises(Failure) as raised:
        project.check()
    assert str(raised.value).startswith(said)
    assert "\n" not in str(raised.value)


def test_not_utf8_is_named(project: Project) -> None:
    (project.root / "domain.yml").write_bytes(b"name: caf\xe9\n")
    with pytest.raises(Failure, match=r"domain.yml is not UTF-8: .* at byte 9"):
        project.check()


def test_missing_file_is_named(project: Project) -> None:
    (project.root / "config.yml").unlink()
    with pytest.raises(Failure, match=r"config\.yml is missing; run linnet in the folder"):
        project.check()


def test_environment_wins_over_the_file_for_the_simulator_too() -> None:
    section = {
        "gateways": {
            "twilio": {
                "account_sid": "AC1",
                "auth_token": ["new", "old"],
                "numbers": ["+12125550142", "+12125550144"],
                "base_url": "http://${HOST}:1",
            },
            "intelepeer": None,
        }
    }
    environ = {"TWILIO_ACCOUNT_SID": "AC2", "HOST": "there", "INTELEPEER_SECRET": "s"}
    assert gateway_values(section, environ) == {
        "twilio": {
            "account_sid": "AC2",
            "auth_token": "new",
            "numbers": "+12125550142,+12125550144",
            "base_url": "http://there:1",
        },
        "intelepeer": {"secret": "s"},
    }
