"""What the fold opens by itself, as data: each with the row of section C it belongs to. Parsed by `rules`.

Lines as in `rules_ex`, but the head is `kind | of | stage | urgency | told | doer | settled`: `of` the EX row (or
`-`), `settled` by `facts` alone or by a `person` where no fact can.
"""

FOLD_ROWS = """
wrong_truck | EX-22 | 5 | now | dispatcher@branch keeper@site driver@vehicle | keeper | facts
件上错了车 | Unit on the wrong truck
{units}[ 在 {plate} 上][，{place}] | {units}[ aboard {plate}][, {place}]
让它下车，或改装车单 | Take it off, or change the loading list
读到它下车即了结 | Closed when it is read off

two_trucks | EX-22 | 5 | now | dispatcher@branch keeper@site | dispatcher | facts
一件在两辆车上 | One unit on two trucks
{units}[：{plates}] | {units}[: {plates}]
请两位司机看，定哪次读取有误 | Ask both drivers to look; say which reading was wrong
扫描或更正后了结 | Closed by a scan or a correction

short | EX-22 | 5 | now | dispatcher@branch keeper@site | keeper | facts
装车少件 | Load is short
[少 {units}][，{plate}] | [missing {units}][, {plate}]
找到并装上，或说明理由放行 | Find and load them, or release with a reason
装齐或放行后发车 | Departs when complete or released

over | EX-22 | 5 | now | dispatcher@branch keeper@site | keeper | person
装车多件 | Load is over
[{over}][，{plate}] | [{over}][, {plate}]
查明多出的是谁的货，取下 | Find out whose goods they are and take them off
清点相符 | The count agrees

load_count | EX-22 | 5 | now | dispatcher@branch keeper@site driver@vehicle | keeper | facts
司机签收数与装车数不符 | Driver's count differs from the load
[签 {signed}][，车上 {aboard}] | [signed {signed}][, aboard {aboard}]
重新点数 | Count again
两数相符 | The two agree

departed_incomplete | EX-22 | 6 | now | dispatcher@branch keeper@site desk@branch | dispatcher | facts
没装齐就走了 | Left incomplete
[少 {units}][，{plate}] | [missing {units}][, {plate}]
叫回，或把少的另车追送，并告诉客户 | Call it back or send the rest after it, and tell the customer
少的件装上或放行后了结 | Closed when the rest is loaded or released

unsigned_load | EX-22 | 6 | now | dispatcher@branch driver@vehicle | dispatcher | facts
司机没签就走了 | Left without the driver's signature
[{plate}] | [{plate}]
请司机补签装车单 | Have the driver sign for the load
补签后了结 | Closed by the signature

tracker_silent | EX-31 | 6 | shift | dispatcher@branch engineer@company | dispatcher | facts
在途时设备静默 | Tracker silent on the road
[{plate}] | [{plate}]
打电话给司机 | Phone the driver
设备恢复或货已卸下后了结 | Closed when it is heard again, or the goods are off

left_without_outcome | - | 7 | now | dispatcher@branch driver@vehicle desk@branch | dispatcher | facts
离开收货方时没有结果 | Left the consignee without an outcome
[{plate}] | [{plate}]
问司机：签收、拒收还是派送失败 | Ask the driver: signed, refused or failed
录入结果后了结 | Closed by the outcome

signed_without_presence | EX-42 | 8 | shift | branch_manager@branch | branch_manager | person
签收时车和手机都不在场 | Nobody was there at the sign-off
[签收人 {signer}] | [signed by {signer}]
核对签收依据，定是否虚假签收 | Review the evidence: is it a false sign-off?
成立则提出记分建议 | If it stands, points are proposed

signed_difference | EX-40 | 8 | shift | branch_manager@branch desk@branch claims@branch | branch_manager | person
签收数不符 | Signed count differs
[签 {signed}][，应为 {delivered}] | [signed {signed}][, should be {delivered}]
用发货、过磅记录对照收货记录 | Compare dispatch and weigh records with the receiving record
补发或说明 | Replenish or explain

signed_abnormal | EX-38 | 8 | now | customer@customer desk@branch claims@branch driver@vehicle | desk | person
异常签收 | Signed with remarks
[少 {short}][，破损 {damaged}][，{note}] | [short {short}][, damaged {damaged}][, {note}]
致歉，向司机核实并答复客户 | Apologise, verify with the driver, answer the customer
立理赔，或说明了结 | A claim follows, or it is explained

signatures_differ | EX-38 | 8 | shift | branch_manager@branch desk@branch | branch_manager | person
两次签收不一 | Two signatures differ
- | -
核对两次签收，定以哪次为准 | Compare the two and say which holds
更正或说明 | Corrected or explained

refused | EX-38 | 8 | now | customer@customer desk@branch driver@vehicle claims@branch | desk | person
拒收 | Refused
[{reason}] | [{reason}]
告诉发货人，请其决定：再送、退回或处置 | Tell the consignor; they decide: again, back, or dispose
按发货人的决定办理 | Done as the consignor decides

line_short | EX-1 | 4 | shift | customer@customer desk@branch | desk | person
缺货 | Out of stock
[第 {line} 行][，缺 {qty}] | [line {line}][, short by {qty}]
向客户致歉；开补货单，缺的先发 | Apologise; make a supplementary order, what is missing goes first
补货发出时通知客户 | Tell the customer when the rest ships

postponed_too_far | EX-14 | 3 | shift | desk@branch branch_manager@branch | desk | person
延期过长，没有生效 | Postponed too far, without effect
[要延到 {to}] | [to {to}]
向客户说明最多 3 天，取消订单 | Explain that 3 days is the most, and cancel
取消，或改到 3 天以内 | Cancelled, or moved within 3 days

receipt_unqualified | EX-44 | 9 | shift | desk@branch branch_manager@branch | desk | facts
回单不合格 | Receipt not qualified
[回单 {slip}] | [slip {slip}]
重签，快递费由责任部门承担 | Have it signed again, courier cost on the department
合格回单返回后了结 | Closed by a qualified slip

receipt_lost | EX-44 | 9 | shift | desk@branch branch_manager@branch | desk | facts
回单丢失 | Receipt lost
[回单 {slip}] | [slip {slip}]
请客户重签一份 | Have the customer sign another
合格回单返回后了结 | Closed by a qualified slip

return_to_shipper | - | 4 | shift | desk@branch dispatcher@branch | dispatcher | person
取消后货要退给发货人 | Cancelled: goods go back to the shipper
- | -
安排退货 | Arrange the return
退到后注明 | Noted when they are back

changed_after_loading | - | 5 | now | dispatcher@branch desk@branch | dispatcher | person
装车后又改单 | Changed after loading
[{said}] | [{said}]
叫停或改送，并告诉客户 | Stop or redirect it, and tell the customer
处理后注明 | Noted when dealt with

contradicts_outcome | - | 8 | shift | desk@branch branch_manager@branch | desk | person
与签收结果矛盾，没有生效 | Contradicts the outcome, without effect
[{said}] | [{said}]
核对哪一条属实，必要时更正 | Find out which is true and correct it if needed
更正或说明 | Corrected or explained

out_of_sequence | - | 2 | shift | desk@branch | desk | person
次序不对 | Out of sequence
[{said}] | [{said}]
核对订单，补上缺的一步 | Check the order and make up for the missing step
补上或说明 | Made up or explained

seen_elsewhere | - | 7 | now | dispatcher@branch keeper@site | dispatcher | person
货件在别处读到 | Unit seen elsewhere
{units}[ 在 {place}] | {units}[ at {place}]
查它为什么在那里，找回 | Find out why it is there and bring it back
在该在的地方读到即了结 | Closed when it is seen where it belongs

misdropped | - | 7 | now | dispatcher@branch keeper@site driver@vehicle | dispatcher | person
卸错了站 | Put off at the wrong stop
{units}[ 卸在 {place}][，{plate}] | {units}[ put off at {place}][, {plate}]
叫司机装回去，或另派车取，送到它自己的收货方 | Have it taken aboard again, or fetch it with another truck, and bring it to its consignee
重新装上，或在该卸的地方卸下即了结 | Closed when it is loaded again, or comes off where it belongs

left_on_vehicle | - | 7 | now | dispatcher@branch desk@branch driver@vehicle | dispatcher | person
到站没卸，留在车上 | Left on the vehicle at its stop
{units}[ 过站后在 {place} 读到][，{plate}] | {units}[ read at {place}, past its stop][, {plate}]
告诉收货方；让这辆车送回去，或排到下一趟 | Tell the consignee; send the truck back with it, or put it on the next trip
重新装上，或在该卸的地方卸下即了结 | Closed when it is loaded again, or comes off where it belongs

signed_but_seen | EX-42 | 8 | now | branch_manager@branch dispatcher@branch | branch_manager | person
签收后又读到 | Seen after the sign-off
{units}[ 在 {place}] | {units}[ at {place}]
核对签收是否属实 | Find out whether the sign-off is true
更正或说明 | Corrected or explained

unit_of_two_orders | - | 4 | now | desk@branch keeper@site | keeper | person
一件属于两单 | Unit of two orders
{units} | {units}
核对标签，改绑 | Check the label and bind it anew
更正或说明 | Corrected or explained

cancel_requested | EX-15 | 2 | shift | desk@branch branch_manager@branch | desk | facts
有人要求取消订单 | Somebody asks to cancel
[{asked_by}][：{reason}] | [{asked_by}][: {reason}]
联系下单方，由其决定；物流不得单方取消 | Ask whoever ordered; they decide, logistics never cancels alone
取消后了结，或说明不取消 | Closed by the cancellation, or noted that it stays

cancelled_alone | EX-5 | 2 | shift | branch_manager@branch desk@branch finance@branch | branch_manager | person
一个人就取消了订单 | Cancelled by one person alone
[{asked_by}] | [{asked_by}]
向下单部门核实取消是否属实 | Verify the cancellation with the ordering department
属实则注明，否则撤回取消 | Noted if it is true, else the cancellation is retracted

rerouted | EX-7 | 2 | now | desk@branch call_centre@company | desk | facts
改由本网点受理 | Re-routed to this branch
[{branch}] | [{branch}]
10 分钟内联系客户并受理 | Phone the customer and accept it within 10 minutes
受理后了结 | Closed when accepted

edited_too_often | EX-7 | 2 | wait | branch_manager@branch call_centre@company | branch_manager | person
改单超过 2 次 | Changed more than twice
[第 {edits} 次，责任在 {liability}] | [{edits} times, liability with {liability}]
了解为什么反复修改 | Find out why it keeps changing
注明后了结 | Closed when noted

edited_after_lock | EX-12 | 3 | shift | desk@branch customer@customer | desk | person
锁定后又改单 | Changed after the lock
[{changes}] | [{changes}]
说明订单已锁定；需要的另开补货单 | Explain that it is locked; what is needed goes into a supplementary order
开了补货单或注明后了结 | Closed by a supplementary order, or noted

hold | - | 2 | shift | desk@branch finance@branch | desk | facts
订单挂起 | Order on hold
[{reason}] | [{reason}]
查清原因，解除挂起 | Clear it up and release the hold
解除后了结 | Closed when released

step_skipped | - | 3 | shift | desk@branch | desk | person
少做了一步 | A step was skipped
[{said}] | [{said}]
补上这一步，或说明 | Make up for it, or say why
补上即了结 | Closed when made up

waybill_differs | EX-9 | 5 | shift | desk@branch | desk | person
运单与订单不一致 | Waybill differs from the order
- | -
核对后更正运单或订单 | Check, and correct the waybill or the order
一致后了结 | Closed when they agree

irregular_waybill | EX-9 | 5 | shift | desk@branch branch_manager@branch | desk | person
不经订单开的运单 | Waybill not issued from the order
[运单 {waybill}] | [waybill {waybill}]
补一张订单并关联 | Enter the order afterwards and link it
关联后了结 | Closed when linked

pickup_too_far | EX-14 | 4 | shift | desk@branch branch_manager@branch | desk | facts
提货约得过晚 | Pickup agreed too late
[约在 {to}] | [on {to}]
向客户说明最多 3 天，改约或取消 | Explain that 3 days is the most; re-agree or cancel
改约后了结 | Closed when agreed anew

split_without_consent | EX-23 | 5 | shift | branch_manager@branch dispatcher@branch | branch_manager | person
项目客户货物未经同意分批 | Project goods split without consent
- | -
同意分批，或把货装齐 | Consent to the split, or load them together
未经同意的，费用由责任部门承担 | Without consent the department at fault bears the cost

lost | EX-32 | 7 | now | customer@customer carrier@carrier dispatcher@branch keeper@site claims@branch | dispatcher | person
到货少件 | Missing at arrival
[{units}][，{plate}] | [{units}][, {plate}]
向客户致歉，马上与承运方核实，立即补货 | Apologise, verify with the carrier at once, replenish
找到即了结，否则立理赔 | Closed when found, else a claim is opened

delivery_failed | EX-35 | 7 | now | customer@customer desk@branch dispatcher@branch | desk | facts
派送失败 | Delivery failed
[{cause}] | [{cause}]
与收发货人约定再次派送；第 2 次起收费 | Agree a new time with consignor or consignee; a fee from the 2nd attempt
约定或另作决定后了结 | Closed by a new appointment or another decision

raised | - | 6 | shift | dispatcher@branch desk@branch | dispatcher | person
有人报了异常 | Somebody reported trouble
[{ex}][：{cause}] | [{ex}][: {cause}]
问清情况并处理 | Find out and deal with it
处理后了结 | Closed when dealt with
"""  # noqa: E501
