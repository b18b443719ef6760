"""What may be done with an item of the inbox in which state. Pure."""

STATES = ("open", "acknowledged", "assigned", "snoozed", "resolved")
STEPS = ("acknowledge", "assign", "snooze", "resolve")


def can(state: str, by_facts: bool) -> tuple[str, ...]:
    """The steps that an item allows; `by_facts`: only facts resolve it. A resolved one allows none."""
    if state == "resolved":
        return ()
    steps = STEPS if state in ("open", "snoozed") else STEPS[1:]
    return steps[:-1] if by_facts else steps
