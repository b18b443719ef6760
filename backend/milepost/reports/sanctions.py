"""What the rules say of each proposal: article, words in both languages (REQUIREMENTS B7). Data only."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the catalogue, as it is cited to whoever has to approve."""

    article: str
    zh: str
    en: str


# rule | article cited | 中文 | English. A letter tells apart several causes under one rule of the catalogue.
_TABLE = """
FN-1   | 3.3.1 a | 受理超过规定时限 | accepted later than the limit
FN-2   | 3.3.1 b / c / b | 点击受理后未实际与客户联系，客户投诉 | accepted without contacting the customer, who complained
FN-3   | 3.3.1 a / b / a | 取消发货原因弄虚作假 | the reason for cancelling was made up
FN-4   | 3.3.1 e | 投诉理赔反馈信息不真实 | untrue feedback in a complaint or claim
FN-5   | 提升运作执行力 | 系统确认受理，实际未联系客户造成投诉 | accepted in the system, customer not contacted, complaint
FN-7   | 项目客户 服务态度 | 项目客户服务态度投诉 | attitude complaint of a project customer
FN-7b  | 项目客户 服务态度 | 一个月内连续两次或累计三次服务态度投诉，退回人力资源部 | two attitude complaints running or three in a month: back to HR
FN-9   | 项目客户 操作规范 | 违规操作造成损失：损失金额的30%，部门经理扣绩效5分 | breach of procedure with a loss: 30 % of it, 5 performance points, correction paper
FN-10  | 项目客户 时效 | 延误：部门经理20元/票及额外成本 | delay: 20 yuan per waybill for the manager, and the extra cost
FN-11  | 项目客户 签收单 | 签收单返回不及时或不合格 | sign slip late or unqualified
FN-11b | 项目客户 签收单 | 重签返回不及时 | sign slip to be signed again came late
FN-11c | 项目客户 签收单 | 签收单遗失 | sign slip lost
FN-12  | 3.3.1 | 多收费：向客户赔付3倍运费 | overcharge: three times the freight for the customer
N-29   | 取货时效 | 一个月内连续两次未按时取货并遭投诉 | two pickups running late in one month, both with a complaint
TH-1   | 投诉扣分 2–5 | 区域投诉扣分满2分：300字以上书面整改 | region from 2 points: written correction of at least 300 characters
TH-2   | 投诉扣分 15–20 | 区域投诉扣分满15分：区域经理停岗一天 | region from 15 points: regional manager suspended one day
TH-3   | 投诉扣分 20 | 区域投诉扣分满20分：降级、降职 | region from 20 points: demotion
TH-4   | 投诉扣分 5–10 / 大区 10–15 | 致电客服中心总经理并提交整改报告 | call to the general manager of the service centre, correction report
TH-5   | 投诉扣分 15–20 | 区域投诉扣分满15分：总监停岗一天 | region from 15 points: director suspended one day
TH-6   | 投诉扣分 20 | 区域投诉扣分满20分：总监停岗三天 | region from 20 points: director suspended three days
TH-7   | 投诉扣分 10–15 / 大区 15–20 | 致电经营副总经理解释原因 | call to the deputy general manager to explain
"""  # noqa: E501


def _parse(table: str) -> dict[str, Rule]:
    rows = (tuple(part.strip() for part in line.split("|")) for line in table.strip().splitlines())
    return {name: Rule(article, zh, en) for name, article, zh, en in rows}


RULES: Mapping[str, Rule] = _parse(_TABLE)

# What a complaint may be about so that a rule takes it up (`complaint.lodged`, field `about`).
NO_CONTACT = frozenset({"no_contact"})
FALSE_REASON = frozenset({"false_cancel_reason"})
UNTRUE = frozenset({"untrue_feedback"})
ATTITUDE = frozenset({"attitude"})
BREACH = frozenset({"operation_breach"})
OVERCHARGE = frozenset({"overcharge"})
# A complaint about these is no complaint about a late pickup (N-29, X-25); about anything else it may be.
OTHER_MATTERS = (
    NO_CONTACT | FALSE_REASON | UNTRUE | ATTITUDE | BREACH | OVERCHARGE
    | frozenset({"damage", "loss", "destruction", "accident", "theft", "wetting", "inspection_refused"})
)  # fmt: skip
