"""What each key of the policies is called, and its values, in Chinese and English. Pure."""

import re

from milepost.clocks.words import Pair

DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")

# key | 中文 | English
_KEYS = """
accept.limit | 受理时限 | Accept within
accept.window | 受理计时的时段 | Hours in which acceptance is counted
accept.remind | 提醒网点受理，下单后 | Remind the branch after
accept.escalate | 转呼叫中心，下单后 | Escalate to the call centre after
assign.limit | 派单时限 | Assign within
unbilled.follow_pickup | 当日不开单的截止随提货时限顺延 | Bill-or-cancel limit follows the pickup limit
postpone.max_days | 最多延期到业务日后 | Postpone at most, days
postpone.wake | 延期订单醒来的时刻 | Postponed orders wake at
reroute.limit | 受理后可改派的时限 | Re-route within, after acceptance
edit.max | 改派和改单合计最多 | Re-routings and edits at most
print.limit | 受理后打印托运书的时限 | Print the note within
day.accept_cutoff | 当日单受理截止 | Accept the day's orders before
day.cancel_cutoff | 当日单不开单即取消的截止 | Bill or cancel the day's orders before
cancel.reason_by | 取消原因录入截止 | Cancel reason entered before
offhours | 非工作时段（可报备免责） | Off-hours, excusable if filed
note.cutoff | 跟踪备注截止 | Tracking remark before
sanction.accept.dept | 受理超时，营业部考核起点 | Late acceptance counts for the branch from
sanction.accept.region | 受理超时，区域考核起点 | Late acceptance counts for the region from
pickup.target | 提货目标 | Pickup target
pickup.rebook | 重新约定提货的时限 | Re-agree the pickup within
pickup.cutoff | 当日提货的下单截止 | Same-day pickup for orders before
pickup.hard_same | 当日提货最晚 | Same-day pickup at the latest
pickup.hard_next | 次日提货最晚 | Next-day pickup at the latest
pickup.window | 提货服务时段 | Hours of pickup
pickup.appt_tol | 预约提货的前后宽限 | Tolerance around an appointment
pickup.appt_close_gap | 夜间预约需确认的时限 | Confirm a night appointment within
project.rebook_before | 项目客户改约须提前 | Project customers re-book before
pickup.warn_before | 提货将迟，提前告知 | Warn of a late pickup before its end
sanction.pickup.consecutive | 连续未按时提货考核次数 | Late pickups in a row that count
transit.track_every | 外转跟踪间隔 | Track goods handed out every
signoff.cutoff | 当日录入签收的截止 | Signed before: entered the same day
signoff.same | 当日签收录入最晚 | Same-day entry at the latest
signoff.next_day | 次日签收录入最晚 | Next-day entry at the latest
project.handout | 项目客户外转时限，天 | Hand out for projects within, days
delivery.cut | 当日派送的到站截止 | Same-day delivery for arrivals until
delivery.same | 当日派送最晚 | Same-day delivery at the latest
delivery.next | 次日派送最晚 | Next-day delivery at the latest
escort.kg | 两人搬运的单件重量 | Two people from, per piece
delivery.wait | 在收货处等候 | Wait at the consignee
redelivery.free_attempts | 免费派送次数 | Free delivery attempts
receipt.days | 回单返回时限，天 | Receipt back within, days
success.limit | 成交时限 | Shipped within
success.event | 怎样算发货 | What counts as shipped
target.ontime.express | 快线准点目标 | On-time target of express
enquiry.reply | 查货答复时限 | Answer an enquiry within
mail.reply | 邮件和变更答复 | Answer mail and changes within
complaint.1 | 一类投诉处理 | Complaints of class 1 within
complaint.1.big | 一类投诉，大额 | Complaints of class 1, large, within
complaint.1.big_from | 大额投诉起点 | Large complaints from
complaint.2 | 二类投诉处理 | Complaints of class 2 within
complaint.other | 其他投诉处理 | Other complaints within
claim.small | 小额理赔上限 | Small claims up to
claim.small_reply | 小额理赔答复 | Answer small claims within
claim.low | 理赔答复，声明价值低 | Answer claims of low value within
claim.high | 理赔答复，声明价值高 | Answer claims of high value within
claim.high_from | 高声明价值起点 | High value from
pick.limit | 备货时限，天 | Pick within, days
presence.margin | 签收与到场时间差 | Signature and presence, margin
presence.radius_m | 到场判定半径 | Presence, radius
presence.silent_wait | 设备静默时等候 | Wait for a silent device
"""
KEY_NAMES: dict[str, Pair] = {
    key: (zh, en)
    for key, zh, en in ((part.strip() for part in line.split(" | ")) for line in _KEYS.strip().splitlines())
}
# Values that are words of the policy file.
_WORDS: dict[str, Pair] = {
    "true": ("是", "yes"),
    "false": ("否", "no"),
    "waybill.issued": ("开运单", "the waybill is issued"),
    "order.confirmed": ("确认订单", "the order is confirmed"),
    "pickup.done": ("提货完成", "the goods are picked up"),
}
_UNITS: tuple[tuple[str, str], ...] = (("天", "day"), ("小时", "hour"), ("分钟", "minute"), ("秒", "second"))


def value_in_words(value: str, n: int) -> str:
    """A value as a policy file writes it, in words: `PT10M` is 10 minutes. `n`: 0 中文, 1 English."""
    if value in _WORDS:
        return _WORDS[value][n]
    if (count := value.removesuffix("wd")) != value:
        return f"{count} 个工作日" if n == 0 else _counted(count, "working day")
    if (found := DURATION.fullmatch(value)) is not None:
        named = [(part, unit) for part, unit in zip(found.groups(), _UNITS, strict=True) if part]
        return " ".join(f"{part} {unit[0]}" if n == 0 else _counted(part, unit[1]) for part, unit in named)
    return value.replace("/", "–")


def rule_in_words(rule: str, n: int) -> str:
    """The keys and values behind a clock (`accept.limit=PT10M`) as a person reads them. `n`: 0 中文, 1 English."""
    told: list[str] = []
    for each in rule.split(", "):
        key, _, value = each.partition("=")
        name = KEY_NAMES.get(key, (key, key))[n]
        told.append(f"{name}：{value_in_words(value, n)}" if n == 0 else f"{_small(name)}: {value_in_words(value, n)}")
    return ("；", "; ")[n].join(told)


def _counted(count: str, unit: str) -> str:
    return f"{count} {unit}{'' if count == '1' else 's'}"


def _small(name: str) -> str:
    return name[:1].lower() + name[1:]
