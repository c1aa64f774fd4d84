"""The benchmark's stories are what they are said to be, and its scores count right."""

from __future__ import annotations

from pathlib import Path

import yaml

from bench.stories.trial import score
from bench.stories.written import COUNT, stories

DOMAIN = yaml.safe_load((Path(__file__).parents[2] / "domain.yml").read_text())


def test_they_are_many_the_same_each_time_and_mostly_unlike():
    made = stories()
    assert len(made) == COUNT
    assert made == stories()
    assert len({str(story["steps"]) for story in made}) > 0.8 * COUNT


def test_they_are_over_the_domain():
    intents = {next(iter(intent)) for intent in DOMAIN["intents"]}
    actions = {*DOMAIN["actions"], *DOMAIN["responses"], *DOMAIN["forms"], "action_deactivate_loop"}
    steps = [step for story in stories() for step in story["steps"]]
    assert {step["intent"] for step in steps if "intent" in step} <= intents
    assert {step["action"] for step in steps if "action" in step} <= actions


def test_see_you_follows_a_confirmation_only():
    answered = []
    for story in stories():
        done = [step.get("action") for step in story["steps"]]
        if "utter_see_you" in done:
            answered.append(done)
            assert "action_confirm_attendance" in done[: done.index("utter_see_you")]
    assert answered


def test_scores():
    right, wrong = ("a", "a", 0.9), ("a", "b", 0.5)
    silent, listens = ("a", "", 0.0), ("action_listen", "action_listen", 0.8)
    report = score([[right, listens], [right, wrong], [silent, listens]])
    assert report["decisions"] == 6
    assert report["right_percent"] == 66.7
    assert report["right_percent_but_listen"] == 50.0
    assert report["whole_stories_percent"] == 33.3
    assert report["silent_percent"] == 16.7
    assert report["right_share_when_it_speaks"] == 0.8
    assert report["mean_confidence_when_it_speaks"] == 0.78
    assert report["wrong"] == ["a <- b", "a <- nothing"]
