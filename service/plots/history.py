"""How the loss fell while the network was trained."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from service.plots.axes import Panel, Scale, marks_width, stroke
from service.plots.sheet import Subject, headline, legend, lines
from service.svg import Theme, document, number, words

WIDTH, HEIGHT = 680.0, 330.0
NARROWEST_LABEL = 34.0  # grids that follow each other faster are marked without their number


def draw_history(history: Sequence[Mapping[str, Any]], subject: Subject, theme: Theme) -> str:
    """Training and validation loss per step on a logarithmic axis, with the steps that refined the grid.

    Args:
        history: ``step``, ``grid``, ``loss`` and ``validation_loss`` of the steps, one after the other.
        subject: The model.
        theme: Its colours.
    """
    steps = [float(entry["step"]) for entry in history]
    if any(b <= a for a, b in pairwise(steps)):
        steps = [float(place) for place in range(len(history))]  # a network was trained in several rounds
    losses = {
        theme.say("training loss"): [entry.get("loss") for entry in history],
        theme.say("validation loss"): [entry.get("validation_loss") for entry in history],
    }
    shown = {name: values for name, values in losses.items() if any(value for value in values)}
    told = _told(history, subject, theme)
    head, top = headline(theme.say("Loss during the training"), [told], WIDTH, theme)
    key, height = legend(list(shown), 70, top, WIDTH - 90, theme)
    y = Scale.over([value for values in shown.values() for value in values], is_log=True)
    left = 42 + marks_width(y, 6)
    panel = Panel(
        left=left, top=top + height + 22, width=WIDTH - left - 24, height=HEIGHT,
        x=Scale.over(steps, room=0.02), y=y, theme=theme, x_most=min(7, max(2, len(steps))),
    )  # fmt: skip
    return document(
        WIDTH,
        panel.bottom + 48,
        title=theme.say("Loss during the training of {name}", name=subject.name),
        description=told,
        theme=theme,
        body=[
            *head,
            *key,
            *panel.frame(theme.say("step"), theme.say("loss")),
            *_grids(history, steps, panel),
            *lines(panel, ((steps, values) for values in shown.values())),
        ],
    )


def _told(history: Sequence[Mapping[str, Any]], subject: Subject, theme: Theme) -> str:
    first, last = history[0], history[-1]
    grids = list(dict.fromkeys(str(entry["grid"]) for entry in history))
    valued = [entry["validation_loss"] for entry in history if entry.get("validation_loss") is not None]
    course = (
        theme.say(
            "the training loss went from {first} to {last} in {count} recorded steps",
            first=first["loss"], last=last["loss"], count=len(history),
        )
        if len(history) > 1
        else theme.say("the training loss was {last} after the one step that was recorded", last=last["loss"])
    )  # fmt: skip
    told = [f"{subject.name}: {course}."]
    if valued:
        told.append(theme.say("The validation loss was at best {best}.", best=min(valued)))
    refined = theme.say("The grid was refined: G = {grids}.", grids=", ".join(grids))
    return " ".join([*told, refined if len(grids) > 1 else f"G = {grids[0]}."])


def _grids(history: Sequence[Mapping[str, Any]], steps: Sequence[float], panel: Panel) -> list[str]:
    """A line where the grid was refined, with the new number of intervals."""
    drawn: list[str] = []
    labelled = 0.0
    for step, before, entry in zip(steps[1:], history, history[1:], strict=False):
        if entry["grid"] == before["grid"]:
            continue
        x = panel.across(step)
        drawn.append(
            stroke(f"M{number(x)},{number(panel.top)}V{number(panel.bottom)}", panel.theme.line, "3 3", 1)
        )
        if x - labelled > NARROWEST_LABEL:
            labelled = x
            label = f"G = {entry['grid']}"
            drawn.append(words(label, x, panel.top - 5, size=10, anchor="middle", fill=panel.theme.quiet))
    return drawn
