"""What follows from an incident of a device, or of the host that ingests: who is told, and in which words (EX-31).

Not of an order: nothing here is reckoned from facts of one, and the item resolves by itself when the cause is over.
"""

from milepost.notify.rules import Both, Rule, To
from milepost.notify.rules_doors import BARE, DOOR_RULES
from milepost.notify.rules_road import AT_DOOR, ROAD_RULES, WHO

_WHERE = ("[{plate}，][{place} {door} 号门，]设备 {device}，", "[{plate}, ][{place} door {door}, ]device {device}, ")
_CREW = (To("dispatcher", "branch"), To("engineer", "company"))
_REPAIR = ("设备恢复正常后自动了结", "Resolves itself once the device is in order again")


_AGAIN = (
    "半小时内再犯不另通知，见收件箱。",
    "Within half an hour a relapse is not told again; the inbox shows it.",
)


def _at(zh: str, en: str) -> Both:
    return _WHERE[0] + zh, _WHERE[1] + en


_RULES = (
    Rule(
        "vehicle_offline", "EX-31", 6, "shift", _CREW, "engineer", None, True, True,
        ("车载设备失联", "Tracker out of contact"),
        _at("{start} 之后没有消息[；已断续 {attempt} 次]", "nothing heard since {start}[; {attempt} times by now]"),
        ("请司机查看供电和天线", "Ask the driver to check its power and antenna"),
        ("恢复联系后自动了结；设备保存着失联期间的记录，恢复后补传",
         "Resolves itself once it is heard again; the device keeps its records and sends them then"),
    ),
    Rule(
        "door_offline", "EX-31", 5, "now", (To("keeper", "site"), To("engineer", "company")), "engineer", None,
        True, True,
        ("门口读写器失联", "Reader at a door out of contact"),
        _at("{start} 之后没有消息[；已断续 {attempt} 次]", "nothing heard since {start}[; {attempt} times by now]"),
        ("查看供电和网络；其间装卸改用扫描", "Check its power and network; scan what is loaded meanwhile"),
        ("恢复联系后自动了结；设备保存着失联期间的记录，恢复后补传",
         "Resolves itself once it is heard again; the device keeps its records and sends them then"),
    ),
    Rule(
        "device_tamper", "EX-31", 6, "now", _CREW, "dispatcher", None, True, True,
        ("设备疑似被拆动", "A device may be tampered with"),
        _at("{start} 报告：{said}[；已反复 {attempt} 次]", "it reported at {start}: {said}[; {attempt} times by now]"),
        ("打电话给司机，查看设备和车辆", "Phone the driver; have device and vehicle looked at"),
        _REPAIR,
    ),
    Rule(
        "device_supply", "EX-31", 6, "shift", _CREW, "dispatcher", None, True, True,
        ("设备电量偏低", "The supply of a device runs down"),
        _at("{start} 报告电量偏低[：{over} V][；已反复 {attempt} 次]",
            "it reported a low supply at {start}[: {over} V][; {attempt} times by now]"),
        ("打电话给司机，查看电瓶和接线", "Phone the driver; have battery and wiring looked at"),
        _REPAIR,
    ),
    Rule(
        "device_clock", "EX-31", 6, "shift", (To("engineer", "company"),), "engineer", None, True, True,
        ("设备时钟不准", "A device without the right time"),
        _at("{start} 起记录没有可信时间，按收到的时间估算[；已反复 {attempt} 次]",
            "since {start} its records bear no time to rely on and stand at an estimate[; {attempt} times by now]"),
        ("查看定位天线和校时", "Check its GNSS antenna and its time source"),
        _REPAIR,
    ),
    Rule(
        "device_memory", "EX-31", 6, "shift", (To("engineer", "company"),), "engineer", None, True, True,
        ("设备存储将满", "A device runs out of room"),
        _at("待传记录占存储 {over}%，满了会丢最旧的[；已反复 {attempt} 次]",
            "records that wait fill {over}% of its storage; when it is full, the oldest go[; {attempt} times by now]"),
        ("查看它的网络；它有待传记录", "Check its network; it holds records that it cannot send"),
        _REPAIR,
    ),
    Rule(
        "disk", None, 6, "now", (To("engineer", "company"), To("admin", "company")), "engineer", None, True, True,
        ("服务器空间不足", "The service runs out of room"),
        ("{holder}：{reason}", "{holder}: {reason}"),
        ("腾出磁盘空间，或查看落后的环节", "Free some disk space, or look at the part that is behind"),
        ("空间够了自动了结；收不下时设备留着记录，不会丢",
         "Resolves itself once there is room; while nothing is taken in, devices keep their records"),
    ),
    *ROAD_RULES,
    *DOOR_RULES,
)  # fmt: skip
_BARE: dict[str, Both] = {
    "disk": ("{holder}", "{holder}"),
    **{rule.id: AT_DOOR if rule.id == "session_degraded" else WHO for rule in ROAD_RULES},
    **{rule.id: BARE for rule in DOOR_RULES},
}
DEVICE_RULES: dict[str, Rule] = {rule.id: rule for rule in _RULES}


def device_texts() -> dict[str, Both]:
    """The two texts of every rule: `<rule>.staff` when it begins, `<rule>.over` when it is over."""
    found: dict[str, Both] = {}
    for rule in _RULES:
        (zh, en), (todo_zh, todo_en) = rule.detail, rule.task
        bare_zh, bare_en = _BARE.get(rule.id, _at("", ""))
        found[f"{rule.id}.staff"] = (
            f"{rule.title[0]}：{zh}。需办：{todo_zh}。", f"{rule.title[1]}: {en}. To do: {todo_en}."
        )  # fmt: skip
        found[f"{rule.id}.over"] = (
            f"{rule.title[0]}，已恢复：{bare_zh.rstrip('，')}，自 {{start}}[ 至 {{due}}]。{_AGAIN[0]}",
            f"{rule.title[1]}, over: {bare_en.rstrip(', ')}, from {{start}}[ to {{due}}]. {_AGAIN[1]}",
        )
    return found
