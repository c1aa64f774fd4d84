"""The benchmark's stories, over the intents and actions of domain.yml.

Each is made of parts in their natural order: something before, a task (book, move, cancel, confirm,
or only a question), an interruption of its form or none, an answer to its summary, a digression, an
end. The tasks take turns, the other parts are drawn with a seed, so that most whole conversations
are unlike each other while their parts recur. What the assistant does is what the project's rules
do; only what thanks are answered with depends on what was before: the first thanks after a
confirmation get "see you", unless goodbye was said, all others "you're welcome".
"""

from __future__ import annotations

import random
from typing import Any

Step = dict[str, Any]

SEED = 7
COUNT = 84

ANSWERED = {
    "greet": "utter_greet",
    "help": "utter_help",
    "bot_challenge": "utter_bot_challenge",
    "ask_hours": "action_say_hours",
    "ask_location": "action_say_where",
    "out_of_scope": "utter_out_of_scope",
    "other_language": "utter_other_language",
    "nlu_fallback": "action_fallback",
    "ask_appointment": "action_show_appointments",
}
BEFORE = ("", "", "greet", "help", "ask_hours", "ask_appointment", "bot_challenge", "nlu_fallback")
BETWEEN = ("", "", "help", "ask_hours", "ask_location", "bot_challenge", "out_of_scope",
           "nlu_fallback", "ask_appointment", "thanks", "other_language")  # fmt: skip
AFTER = ("", "", "ask_location", "ask_hours", "ask_appointment", "out_of_scope")
ENDS = ((), ("thanks",), ("thanks",), ("goodbye",), ("thanks", "goodbye"), ("goodbye", "thanks"),
        ("thanks", "thanks"))  # fmt: skip
TASKS = {
    "book": "action_propose_booking",
    "reschedule": "action_propose_move",
    "cancel": "action_propose_cancellation",
    "confirm": "action_confirm_attendance",
}
ANSWERS = ("yes", "yes", "yes", "no", "asks, then yes", "no, then a time", "another time", "")
SWITCHES = 0.12  # how often a form is left for another task, or for a person


def said(intent: str, *actions: str) -> list[Step]:
    """A text and what is done about it."""
    return [{"intent": intent}, *({"action": action} for action in actions)]


def stories() -> list[dict[str, Any]]:
    """All of them, as Rasa's YAML has them."""
    draw = random.Random(SEED)  # noqa: S311  (no secret)
    tasks = [*TASKS, "question"]
    written = []
    for number in range(COUNT):
        task = tasks[number % len(tasks)]
        written.append({"story": f"{task} {number}", "steps": Conversation(draw).steps(task)})
    return written


class Conversation:
    """One story in the making.

    Args:
        draw: chooses its parts.
    """

    def __init__(self, draw: random.Random) -> None:
        self._draw = draw
        self._coming = False

    def steps(self, task: str) -> list[Step]:
        """The whole story."""
        steps = self._aside(self._draw.choice(BEFORE))
        if task == "question":
            steps += self._aside(self._draw.choice(list(ANSWERED)))
        else:
            steps += self._task(task)
            steps += self._aside(self._draw.choice(AFTER))
        end = self._draw.choice(ENDS)
        for intent in end if len(steps) else ("thanks",):
            steps += self._end(intent)
        return steps

    def _aside(self, intent: str) -> list[Step]:
        return said(intent, ANSWERED[intent]) if intent else []

    def _task(self, task: str) -> list[Step]:
        form = f"{task}_form"
        steps = [*said(f"{task}_appointment", form), {"active_loop": form}]
        between = self._draw.choice(BETWEEN)
        if between:
            answer = "utter_welcome" if between == "thanks" else ANSWERED[between]
            steps += [*said(between, answer, form), {"active_loop": form}]
        if self._draw.random() < SWITCHES:
            if self._draw.random() < 0.5:
                leaves = said("human", "utter_hand_over", "action_deactivate_loop")
                return [*steps, *leaves, {"active_loop": None}]
            return steps + self._task(self._draw.choice([one for one in TASKS if one != task]))
        steps += [{"active_loop": None}, {"action": TASKS[task]}]
        if task == "confirm":
            self._coming = True
            return steps
        return steps + self._answer(TASKS[task])

    def _answer(self, summary: str) -> list[Step]:
        answer = self._draw.choice(ANSWERS)
        steps = []
        if answer.startswith("asks"):
            steps += self._aside(self._draw.choice(("help", "ask_hours", "ask_location")))
        if answer.endswith("yes"):
            steps += said("affirm", "action_answer_yes")
        elif answer.startswith("no"):
            steps += said("deny", "action_answer_no")
        if answer.endswith("time"):
            asked = self._draw.choice(("inform", "ask_earlier", "ask_other_times"))
            steps += said(asked, "action_take_up")
        return steps

    def _end(self, intent: str) -> list[Step]:
        if intent == "goodbye":
            self._coming = False
            return said("goodbye", "utter_goodbye")
        coming, self._coming = self._coming, False
        return said("thanks", "utter_see_you" if coming else "utter_welcome")
