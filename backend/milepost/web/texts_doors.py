"""Texts of dock sessions, arrival times and what happens on the road. Chinese beside English; part of `TEXTS`."""

DOOR_TEXTS: dict[str, tuple[str, str]] = {
    "door.opened.hand": ("人工开门：{who}", "opened by hand: {who}"),
    "door.opened.appointment": ("按预约开门", "opened by its appointment"),
    "door.opened.position": ("按车辆位置开门", "opened by the truck's own position"),
    "door.opened.tag": ("按挂车标签开门", "opened by the trailer's tag"),
    "door.degraded": ("读写不可靠：没读到的不作数，装卸请扫描", "Not reading reliably: scan what goes in or out"),
    "door.degraded.since": ("{a} 起没有读数", "no reads since {a}"),
    "door.degraded.span": ("{a}–{b} 没有读数", "no reads from {a} to {b}"),
    "door.late": ("后来补到的读数", "Reads that came afterwards"),
    "door.late.confirmed": ("与扫描相符", "as scanned"),
    "door.late.contradicted": ("与扫描不符，请核对", "not as scanned: please check"),
    "door.late.alone": ("没有扫描", "not scanned"),
}
