"""What follows from a question of a dock door: something that the readings do not prove, and a person can see."""

from milepost.notify.rules import Both, Rule, To

_KEEPER = (To("keeper", "site"),)
BARE: Both = ("[{units}，][{place} {door} 号门][，{plate}]", "[{units}, ][{place} door {door}][, {plate}]")
DOOR_RULES = (
    Rule(
        "door_unit", "EX-22", 5, "shift", _KEEPER, "keeper", None, True, False,
        ("有没有过门，拿不准", "Not sure whether it went through"),
        ("{units}[，{place} {door} 号门][，{plate}]，{start}",
         "{units}[, {place} door {door}][, {plate}], {start}"),
        ("看它在哪里，按看到的回答", "Look where it is, and say what you see"),
        ("回答、扫描，或后来的读数说明了，就了结", "Closed by your answer, a scan, or what is read later"),
    ),
    Rule(
        "door_tag", "EX-22", 5, "shift", _KEEPER, "keeper", None, True, False,
        ("不在清单上的货过了门", "Goods on no list went through"),
        ("标签 {units}[，{place} {door} 号门][，{plate}]，{start}",
         "tag {units}[, {place} door {door}][, {plate}], {start}"),
        ("看是什么：是这趟的哪一件，还是不归我们", "Look what it is: a piece of this trip, or not ours"),
        ("说了是哪一件、退回来，或说明不归我们，就了结",
         "Closed once you say which piece it is or that it is not ours, or it has come back"),
    ),
    Rule(
        "door_no_tag", "EX-22", 5, "shift", _KEEPER, "keeper", None, True, False,
        ("有东西过门，没读到标签", "Something went through without a tag"),
        ("[{place} {door} 号门][，{plate}][，{qty} 次]，最近 {start}",
         "[{place} door {door}][, {plate}][, {qty} times], last at {start}"),
        ("把还差的件扫一遍；可能有标签坏了", "Scan the units that are still due; a tag may be dead"),
        ("扫到、清单齐了，或说明是什么，就了结",
         "Closed by a scan, by a complete list, or once you say what it was"),
    ),
    Rule(
        "door_outside", "EX-22", 5, "shift", _KEEPER, "keeper", None, True, False,
        ("没有车靠台，货却出了门", "Goods went out, no truck docked"),
        ("{units}[，{place} {door} 号门]，{start}", "{units}[, {place} door {door}], {start}"),
        ("那里有车就登记靠台；没出去就说明", "Open a session if a truck is there; else say where they are"),
        ("登记了那时靠台的车、又读到它们，或说明了，就了结",
         "Closed once a session of that time is told, they are seen again, or you say where they are"),
    ),
)  # fmt: skip
