"""The table of steps as a page: `python -m milepost.orders.handbook docs/orders.md` writes it between its marks.

A test compares the page with what this says, so that the two cannot drift apart.
"""

import sys
from pathlib import Path

from milepost.orders.guards import ELSEWHERE, GUARDS
from milepost.orders.model import STATES
from milepost.orders.transitions import DERIVED_ROLES, DERIVED_STATES, STEPS, TRIP_STEPS, Step
from milepost.orders.vocabulary import KINDS

BEGIN, END = "<!-- table of steps: begin -->", "<!-- table of steps: end -->"


def table() -> str:
    """Every command: its transition, its fact, who may give it, in which states, behind which guards."""
    lines = ["| T | command | fact | roles | states | guards |", "|---|---|---|---|---|---|"]
    lines += [_row(step) for step in STEPS.values()]
    for name, kind in TRIP_STEPS.items():
        roles = ", ".join(sorted(KINDS[kind].authors | {"admin"}))
        lines.append(
            f"| {'T14' if name == 'load-sign' else '–'} | `{name}` (of a trip) | `{kind}` | {roles} | any | – |"
        )
    for name, states in DERIVED_STATES.items():
        roles = ", ".join(sorted(DERIVED_ROLES[name]))
        guards = "`unlocked`, `override`" if name == "split" else "–"
        lines.append(f"| – | `{name}` | several | {roles} | {_states(states)} | {guards} |")
    lines += ["", "| guard | means |", "|---|---|"]
    told = {name: (guard.__doc__ or "").split("\n")[0] for name, guard in GUARDS.items()} | ELSEWHERE
    lines += [f"| `{name}` | {text} |" for name, text in told.items()]
    return "\n".join(lines)


def _row(step: Step) -> str:
    roles = ", ".join(sorted(step.roles))
    guards = ", ".join(f"`{name}`" for name in step.guards) or "–"
    return f"| {step.t or '–'} | `{step.command}` | `{step.kind}` | {roles} | {_states(step.states)} | {guards} |"


def _states(states: frozenset[str]) -> str:
    if states == frozenset(STATES):
        return "any"
    missing = [state for state in STATES if state not in states]
    if len(missing) <= 4:
        return f"any but {', '.join(missing)}"
    return ", ".join(state for state in STATES if state in states)


def written(page: str) -> str:
    """The page with the table as it is now between its marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(written(path.read_text("utf-8")), "utf-8")
