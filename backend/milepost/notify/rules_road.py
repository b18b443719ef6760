"""What follows from an incident of a vehicle on its trip, or of a dock door: long stop, off its way, unread door."""

from milepost.notify.rules import Both, Rule, To

WHO: Both = ("[{plate}]", "[{plate}]")  # whom it concerns, once it is over
AT_DOOR: Both = ("[{place} {door} 号门][，{plate}]", "[{place} door {door}][, {plate}]")
_DISPATCH = (To("dispatcher", "branch"),)
_AGAIN: Both = ("[；已反复 {attempt} 次]", "[; {attempt} times by now]")
ROAD_RULES = (
    Rule(
        "long_stop", "EX-31", 6, "shift", _DISPATCH, "dispatcher", None, True, True,
        ("长时间停车", "A long stop on the way"),
        (f"{{plate}} 自 {{start}} 停在途中，不在任何停靠站[，行程 {{trip}}]{_AGAIN[0]}",
         f"{{plate}} stands since {{start}} at none of its stops[, trip {{trip}}]{_AGAIN[1]}"),
        ("打电话给司机；车坏了就联系最近的维修站", "Phone the driver; if it broke down, call the nearest workshop"),
        ("车开了或到站自动了结；补来的定位说明没有停，也了结",
         "Resolves itself once it drives on or arrives, or when late positions show that it did not stand"),
    ),
    Rule(
        "off_route", "EX-31", 6, "shift", _DISPATCH, "dispatcher", None, True, True,
        ("偏离路线", "Off its way"),
        (f"{{plate}} 自 {{start}} 偏离常走的路线[，最远 {{over}} 公里][，行程 {{trip}}]{_AGAIN[0]}",
         f"{{plate}} is off the usual way since {{start}}[, {{over}} km at most][, trip {{trip}}]{_AGAIN[1]}"),
        ("打电话给司机，问明原因", "Phone the driver and ask why"),
        ("回到路线或到站自动了结；补来的定位说明没有偏离，也了结",
         "Resolves itself once it is back or arrives, or when late positions show that it never left its way"),
    ),
    Rule(
        "session_degraded", "EX-22", 5, "now", (To("keeper", "site"),), "keeper", None, True, True,
        ("装卸时读写不可靠", "A door that is not read while a truck is there"),
        ("[{place} {door} 号门，][{plate}，]{start} 起没有读数[，行程 {trip}]",
         "[{place} door {door}, ][{plate}, ]no reads since {start}[, trip {trip}]"),
        ("每件都扫描；没读到不等于没装", "Scan every unit; not read does not mean not loaded"),
        ("补到读数、全部扫到，或装卸结束时自动了结",
         "Resolves itself once the reads have come, everything is scanned, or the truck has left the door"),
    ),
)  # fmt: skip
