"""Late clocks and reminders as data: who is told when a promise is broken. Parsed by `rules`.

Lines as in `rules_ex`, but the head is `clock | of | stage | urgency | told | doer | inbox`: `of` the EX row (or
`-`); `item` opens one item of the inbox until the clock ends, `tell` only tells. The scope `owner` is the clock's.
One cause has one item: N-07, N-17 and N-19 tell of what N-01 opens, N-20 of what N-22 will.
"""

CLOCK_ROWS = """
N-01 | EX-8 | 2 | now | branch_manager@owner | call_centre | item
网点没有按时受理 | Not accepted in time
[应于 {due}] | [due {due}]
催网点受理；有免责原因请工程师核实 | Chase the branch; have an engineer verify an exempt cause
网点受理，或核实免责 | The branch accepts, or the cause is verified

N-02 | EX-6 | 2 | now | call_centre@company | call_centre | item
没有按时分配网点 | Not assigned in time
[应于 {due}] | [due {due}]
立即分配给就近网点 | Assign it to the nearest branch at once
分配后了结 | Closed when assigned

N-04 | EX-14 | 3 | shift | desk@owner | desk | tell
延期超过 3 天 | Postponed by more than 3 days
[应于 {due}] | [due {due}]
向客户说明并取消 | Explain to the customer and cancel
取消，或改到 3 天以内 | Cancelled, or moved within 3 days

N-05 | EX-7 | 2 | wait | branch_manager@owner | branch_manager | tell
改受理网点超过 5 分钟 | Re-routed later than 5 minutes
[应于 {due}] | [due {due}]
了解为什么受理后才发现 | Find out why it was seen so late
无需其他操作 | Nothing else

N-07 | EX-8 | 2 | now | desk@owner | desk | tell
已到 10 分钟，请受理 | 10 minutes are over, please accept
[应于 {due}] | [due {due}]
电话联系客户并受理 | Phone the customer and accept
受理 | Accepted

N-09 | - | 3 | shift | desk@owner | desk | item
没有按时打印托运单 | Consignment note not printed in time
[应于 {due}] | [due {due}]
打印托运单 | Print the consignment note
打印后了结 | Closed when printed

N-10 | EX-8 | 2 | now | desk@owner branch_manager@owner | desk | item
23:00 前没有受理 | Not accepted before 23:00
[应于 {due}] | [due {due}]
受理，或与客户确认后取消 | Accept it, or cancel with the customer's word
受理或取消后了结 | Closed when accepted or cancelled

N-11 | EX-15 | 3 | now | branch_manager@owner desk@owner | desk | item
当日 24:00 未开单 | Not billed by 24:00
[应于 {due}] | [due {due}]
定下来：发货、不发货还是待跟进；取消要写真实原因 | Settle it: ships, does not ship, or to be followed; a cancel needs the true reason
开单或取消后了结；系统不自动取消 | Closed when billed or cancelled; nothing cancels by itself

N-12 | EX-15 | 3 | shift | desk@owner branch_manager@owner | desk | item
取消没有写原因 | Cancelled without a reason
[应于 {due}] | [due {due}]
补上取消的真实原因 | Give the true reason for cancelling
写明后了结 | Closed when it is given

N-15 | EX-15 | 3 | shift | desk@owner | desk | item
23:00 前没有跟踪备注 | No tracking remark before 23:00
[应于 {due}] | [due {due}]
写跟踪备注 | Write the tracking remark
备注后了结 | Closed by the remark

N-17 | EX-8 | 2 | now | call_centre@company | call_centre | tell
网点超过 10 分钟未处理 | Branch has not acted for more than 10 minutes
[{branch}][，应于 {due}] | [{branch}][, due {due}]
催网点受理 | Chase the branch
网点受理 | The branch accepts

N-19 | EX-8 | 2 | now | regional_manager@owner | regional_manager | tell
网点超过 15 分钟未受理 | Branch has not accepted for more than 15 minutes
[{branch}][，应于 {due}] | [{branch}][, due {due}]
督促网点经理立即受理，了解原因 | Have the branch manager accept it now, and find out why it waited
网点受理 | The branch accepts

N-20 | EX-24 | 4 | shift | desk@owner dispatcher@owner | desk | tell
2 小时内没有提货 | Not picked up within 2 hours
[应于 {due}] | [due {due}]
与客户重新约定 | Re-agree with the customer
最迟时限前提货 | Picked up before the hard limit

N-21 | EX-24 | 4 | shift | desk@owner | desk | tell
没有在 1 小时内重新约定提货 | Pickup not re-agreed within 1 hour
[应于 {due}] | [due {due}]
马上与客户约定 | Agree with the customer at once
按约定提货 | Picked up as agreed

N-22 | EX-24 | 4 | now | customer@customer dispatcher@owner desk@owner branch_manager@owner | dispatcher | item
当日 19:00 前没有提货 | Not picked up by 19:00
[应于 {due}] | [due {due}]
向客户解释并约定新时间；缺车可外雇 | Explain and agree a new time; hire outside if needed
提货后了结 | Closed when picked up

N-23 | EX-24 | 4 | now | customer@customer dispatcher@owner desk@owner branch_manager@owner | dispatcher | item
次日 12:00 前没有提货 | Not picked up by 12:00 of the next day
[应于 {due}] | [due {due}]
向客户解释并约定新时间；缺车可外雇 | Explain and agree a new time; hire outside if needed
提货后了结 | Closed when picked up

N-25 | EX-24 | 4 | now | customer@customer dispatcher@owner desk@owner branch_manager@owner | dispatcher | item
没有按约定时间提货 | Not picked up as agreed
[应于 {due}] | [due {due}]
向客户解释并约定新时间 | Explain and agree a new time
提货后了结 | Closed when picked up

N-26 | EX-24 | 4 | shift | desk@owner | desk | item
预约在服务时间外，没有及时重约 | Appointment out of hours, not re-agreed in time
[应于 {due}] | [due {due}]
与客户改约到 9:00-19:00 | Move it into 9:00-19:00 with the customer
约定后了结 | Closed when agreed

N-27 | EX-24 | 4 | wait | branch_manager@owner | branch_manager | tell
项目客户改约不足 1 小时 | Project customer re-agreed with less than 1 hour left
[应于 {due}] | [due {due}]
了解原因 | Find out why
无需其他操作 | Nothing else

N-28 | EX-24 | 4 | shift | desk@owner branch_manager@owner | desk | tell
晚到提货没有提前 15 分钟解释 | Late for the pickup without a call 15 minutes before
[应于 {due}] | [due {due}]
向客户致歉并说明 | Apologise and explain
提货 | Picked up

N-30 | EX-30 | 6 | shift | desk@owner branch_manager@owner | desk | item
外转货物当日没有跟踪 | Handed-out goods not tracked that day
[{day}][，{carrier}] | [{day}][, {carrier}]
联系承运商，补录在途信息 | Ask the carrier and enter where the goods are
补录并注明后了结，签收也了结 | Closed when noted, or signed

N-31 | - | 8 | wait | desk@owner branch_manager@owner | desk | tell
签收当日没有录入 | Sign-off not entered the same day
[应于 {due}] | [due {due}]
以后当日录入 | Enter it the same day
无需其他操作 | Nothing else

N-32 | - | 8 | wait | desk@owner branch_manager@owner | desk | tell
签收次日 12:00 前没有录入 | Sign-off not entered by 12:00 of the next day
[应于 {due}] | [due {due}]
以后按时录入 | Enter it in time
无需其他操作 | Nothing else

N-33 | - | 6 | shift | dispatcher@owner branch_manager@owner | dispatcher | item
项目货物到港第二天没有外转 | Project goods not handed out by the second day
[应于 {due}] | [due {due}]
马上外转 | Hand them out at once
外转后了结 | Closed when handed out

N-34 | EX-36 | 7 | now | customer@customer desk@owner dispatcher@owner branch_manager@owner | desk | item
20:30 前没有送到 | Not delivered by 20:30
[应于 {due}] | [due {due}]
电话告诉客户原因和新的预计时间 | Phone the customer: reason and next expected time
送达后了结 | Closed when delivered

N-35 | EX-36 | 7 | now | customer@customer desk@owner dispatcher@owner branch_manager@owner | desk | item
约定时限前没有送到 | Not delivered by the promised time
[应于 {due}] | [due {due}]
电话告诉客户原因和新的预计时间 | Phone the customer: reason and next expected time
送达后了结 | Closed when delivered

N-38 | EX-35 | 7 | now | desk@owner driver@vehicle | desk | item
在收货方等了 30 分钟 | Waited 30 minutes at the consignee
[{plate}] | [{plate}]
联系收发货人：能收就等，否则记派送失败并另约 | Reach consignor or consignee: wait, or record the failure and re-agree
有结果即了结 | Closed by an outcome

N-40 | EX-43 | 9 | shift | desk@owner driver@vehicle branch_manager@owner | desk | item
回单三天未返 | Receipt not back within three days
[应于 {due}] | [due {due}]
提醒持单人，说明日期和批次 | Remind the holder, naming date and batch
合格回单返回后了结 | Closed by a qualified receipt

N-44 | - | 5 | wait | branch_manager@owner | branch_manager | tell
网上订单 24 小时没有发货 | Online order not shipped within 24 hours
[应于 {due}] | [due {due}]
了解卡在哪一步 | Find out where it is stuck
开单 | Billed

N-50 | EX-25 | 6 | now | call_centre@company | call_centre | item
15 分钟内没有答复查询 | Enquiry not answered within 15 minutes
[应于 {due}] | [due {due}]
马上答复客户，有什么说什么 | Answer the customer now with what is known
答复后了结 | Closed when answered

N-53 | - | 9 | shift | desk@owner call_centre@company | desk | item
邮件 1 个工作日没有回复 | Mail not answered within 1 working day
[应于 {due}] | [due {due}]
回复客户 | Answer the customer
回复后了结 | Closed when answered

N-54 | - | 9 | shift | claims@owner branch_manager@owner | claims | item
一类投诉逾期 | Class 1 complaint overdue
[应于 {due}] | [due {due}]
处理并答复，未决的报上一级 | Settle and answer; what is open goes up a level
投诉结案 | The complaint is closed

N-55 | - | 9 | shift | claims@owner branch_manager@owner | claims | item
大额一类投诉逾期 | Large class 1 complaint overdue
[应于 {due}] | [due {due}]
处理并答复，未决的报上一级 | Settle and answer; what is open goes up a level
投诉结案 | The complaint is closed

N-57 | - | 9 | shift | desk@owner branch_manager@owner | desk | item
二类投诉逾期 | Class 2 complaint overdue
[应于 {due}] | [due {due}]
处理并答复，未决的报上一级 | Settle and answer; what is open goes up a level
投诉结案 | The complaint is closed

N-58 | - | 9 | shift | claims@owner branch_manager@owner | claims | item
小额理赔逾期 | Small claim overdue
[应于 {due}] | [due {due}]
给出理赔建议 | Make the proposal
有建议即了结 | Closed by a proposal

N-59 | - | 9 | shift | claims@owner branch_manager@owner | claims | item
理赔建议逾期 | Claim proposal overdue
[应于 {due}] | [due {due}]
给出理赔建议 | Make the proposal
有建议即了结 | Closed by a proposal

N-60 | - | 9 | shift | claims@owner branch_manager@owner | claims | item
高额理赔建议逾期 | High claim proposal overdue
[应于 {due}] | [due {due}]
给出理赔建议 | Make the proposal
有建议即了结 | Closed by a proposal

N-61 | - | 9 | shift | desk@owner branch_manager@owner | desk | item
投诉逾期 | Complaint overdue
[应于 {due}] | [due {due}]
处理并答复，未决的报上一级 | Settle and answer; what is open goes up a level
投诉结案 | The complaint is closed

N-79 | EX-19 | 4 | shift | keeper@site desk@owner call_centre@company | keeper | item
次日仍没有配完 | Not picked by the next day
[应于 {due}] | [due {due}]
马上配完，并告诉客户 | Finish picking now and tell the customer
备货完成后了结 | Closed when picking is finished
"""  # noqa: E501
