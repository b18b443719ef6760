"""EX-1…EX-44 as data: the exceptions at the nine stages (REQUIREMENTS C). Parsed by `rules`.

Each entry has five lines: `id | stage | urgency | told | doer | due`, then title, detail, task and next step, each
Chinese beside English. `told` lists role@scope; `due` is a duration from the opening, `24:00` of its local day, or
`24:00+1` of the next. Words in braces are fields, a part in brackets is left out where a field of it is unknown.
"""

EX_ROWS = """
EX-1 | 1 | shift | customer@customer desk@branch | desk | -
库存不足 | Stock is short
[第 {line} 行][，缺 {qty}] | [line {line}][, short by {qty}]
向客户致歉；开补货单，缺的先发 | Apologise to the customer; make a supplementary order, what is missing goes first
补货发出时通知客户 | Tell the customer when the rest ships

EX-2 | 1 | shift | customer@customer desk@branch | desk | -
配到的货与订单不一致 | Picked goods differ from the order
[{cause}] | [{cause}]
发货前电话请客户决定 | Phone the customer before dispatch and let them decide
按客户决定改订单行 | Change the line as the customer decides

EX-3 | 2 | shift | desk@branch branch_manager@branch customer@customer | desk | -
约定后客户要补货 | Customer wants more goods after the agreement
[{cause}] | [{cause}]
请示公司，同意后与客户核对明细 | Get the company's approval, then verify the details with the customer
开补货单 | Make a supplementary order

EX-4 | 2 | shift | finance@branch desk@branch | desk | -
数量或单位录错 | Quantity or unit is wrong
[{cause}] | [{cause}]
核对后更正订单；更正前挂起 | Check and correct the order; it is held until then
更正留痕，解除挂起 | The correction is logged and the hold released

EX-5 | 2 | shift | desk@branch finance@branch branch_manager@branch | desk | -
未付款，有部门要求取消 | Unpaid, and a department asks to cancel
[{cause}] | [{cause}]
联系下单部门，由其决定是否取消 | Ask the ordering department; it decides whether to cancel
下单部门取消，物流确认；物流不得单方取消 | It cancels and logistics confirms; logistics never cancels alone

EX-6 | 2 | now | call_centre@company | call_centre | PT10M
没有受理网点 | No accepting branch
[{from}] | [{from}]
10 分钟内分配给就近网点 | Assign it to the nearest branch within 10 minutes
网点受理 | The branch accepts

EX-7 | 2 | shift | desk@branch call_centre@company | desk | PT5M
受理网点不对 | Wrong accepting branch
[现在：{branch}] | [now: {branch}]
受理后 5 分钟内改到正确网点，最多改 2 次 | Re-route within 5 minutes of acceptance, twice at most
新网点受理 | The new branch accepts

EX-8 | 2 | now | call_centre@company desk@branch branch_manager@branch | call_centre | -
网点超过 10 分钟未受理 | Branch silent for more than 10 minutes
[{branch}][，应于 {due}] | [{branch}][, due {due}]
催网点受理；有免责原因请工程师核实 | Chase the branch; have an engineer verify an exempt cause
网点受理，或核实免责 | The branch accepts, or the cause is verified

EX-9 | 2 | shift | customer@customer desk@branch | desk | -
订单资料不实或不合规 | Order data is false or irregular
[{cause}] | [{cause}]
告知发货人，取消并请重新下单 | Tell the consignor; cancel and ask for a new order
收到新订单 | A new order comes in

EX-10 | 2 | shift | admin@company | admin | -
客户订单没有处理 | Customer's order was not processed
[{cause}] | [{cause}]
按订单号和账号查明原因并答复 | Look into it by order number and account, and answer
订单继续，或说明理由 | The order goes on, or the reason is given

EX-11 | 2 | now | customer@customer desk@branch branch_manager@branch | desk | -
禁运品 | Forbidden goods
[{cause}] | [{cause}]
向发货人说明，按编码原因拒收 | Explain to the consignor and refuse with the coded reason
取消订单 | Cancel the order

EX-12 | 3 | shift | customer@customer desk@branch | desk | -
确认后客户要改或加货 | Customer wants to change or add after confirmation
[{cause}] | [{cause}]
说明订单已锁定；申请当日或次日补送 | Explain that the order is locked; apply for a supplementary delivery today or tomorrow
补送单获批 | The supplementary delivery is approved

EX-13 | 3 | wait | desk@branch customer@customer | desk | -
要求提前发货 | Early shipment requested
[{cause}] | [{cause}]
征求意见，把意见和进展告诉客户 | Get a decision and keep the customer informed
答复记入订单 | The answer is recorded

EX-14 | 3 | shift | desk@branch branch_manager@branch | desk | -
客户延期 | Customer postpones
[要延到 {to}] | [to {to}]
延期不超过 3 天；超过的向客户说明并取消 | At most 3 days; beyond that explain and cancel
新发货日 8:00 自动恢复，或取消 | It wakes at 08:00 of the new day, or is cancelled

EX-15 | 3 | shift | desk@branch | desk | 24:00
客户不发货 | Customer will not ship
[{cause}] | [{cause}]
当日取消并写明真实原因；待跟进的 23:00 前备注 | Cancel today with the true reason; if it is to be followed, remark before 23:00
订单取消，或有跟踪备注 | It is cancelled, or has a tracking remark

EX-16 | 3 | shift | desk@branch customer@customer | desk | -
没有公布价 | No published price
[{cause}] | [{cause}]
电话报价，客户确认后再确认订单 | Quote by phone; the customer confirms before the order is confirmed
价格记入订单 | The price is recorded

EX-17 | 4 | wait | customer@customer desk@branch | desk | -
配货时客户要订单以外的货 | Customer wants extras while picking
[{cause}] | [{cause}]
物流不处理；请客户向公司下单 | Logistics does not handle it; the customer asks the company
公司有指示则作新单发运 | Shipped as a new order if the company says so

EX-18 | 4 | shift | branch_manager@branch keeper@site | keeper | -
发现坏品或无标签 | Faulty or unlabelled goods found
[{cause}] | [{cause}]
当场登记并更换；问题货不出库 | Record at once and replace; no faulty goods leave
换好后继续配货 | Picking goes on with good ones

EX-19 | 4 | shift | desk@branch call_centre@company | keeper | 24:00+1
当天配不完 | Cannot be picked the same day
[应于 {due}] | [due {due}]
次日必须配完；告诉客服 | Pick it by the next day; tell customer service
备货完成 | Picking is finished

EX-20 | 5 | wait | keeper@site | keeper | -
客户要求堆码方式 | Customer asks for a stacking method
[{cause}] | [{cause}]
写入装车要求，尽量照办 | Put it into the loading instruction and follow it as far as possible
装车时照办 | Followed at loading

EX-21 | 5 | wait | branch_manager@branch | branch_manager | -
要求加外包装 | Extra outer packaging requested
[{cause}] | [{cause}]
有上级指示才做，批准或否决 | Only on a superior's instruction; approve or decline
决定记入订单 | The decision is recorded

EX-22 | 5 | now | dispatcher@branch keeper@site | keeper | -
实物与订单不符 | Load differs from the order
[{cause}][，{plate}] | [{cause}][, {plate}]
停止发车，找到差异：更正或说明理由放行 | Stop the departure, find the difference: correct it or release with a reason
相符后发车 | Departs when it agrees

EX-23 | 5 | shift | branch_manager@branch dispatcher@branch | branch_manager | -
项目客户货物分批装车 | Project customer's goods are split
[{cause}] | [{cause}]
同意或不同意分批 | Consent to the split, or do not
未经同意的，费用由责任部门承担 | Without consent the department at fault bears the cost

EX-24 | 5 | now | customer@customer dispatcher@branch desk@branch | desk | -
不能按时提货 | Pickup cannot be on time
[应于 {due}][，{cause}] | [due {due}][, {cause}]
电话与客户重新约定；缺车可外雇，不得拒提 | Phone and re-agree; hire outside if there is no vehicle; do not refuse
按新约定提货 | Picked up as agreed anew

EX-25 | 6 | now | call_centre@company customer@customer | call_centre | PT15M
客户问车到哪了 | Customer asks where the vehicle is
[{plate}] | [{plate}]
立即查位置并在 15 分钟内回复 | Fetch the position and answer within 15 minutes
回复记入订单 | The answer is recorded

EX-26 | 6 | now | customer@customer desk@branch dispatcher@branch branch_manager@branch | desk | -
事故或类似情况，可能晚到 | Accident or the like, may be late
[{plate}][，{cause}][，停在 {place}][，新预计 {eta}] | [{plate}][, {cause}][, stuck at {place}][, now expected {eta}]
第一时间告诉收货人和发货人：车、原因、停在哪里，请其准备 | At once tell consignee and consignor: vehicle, cause, place; ask them to prepare
持续通报，直到解除 | Keep reporting until it is resolved

EX-27 | 6 | now | dispatcher@branch driver@vehicle desk@branch | dispatcher | -
车坏了，司机求助 | Vehicle broke down, driver asks for help
[{plate}][，{cause}][，在 {place}] | [{plate}][, {cause}][, at {place}]
把最近修理厂的联系方式给司机，保持联系；必要时换车 | Give the driver the nearest repair shop's contact and keep in touch; change vehicle if needed
货物照样送到 | The goods arrive all the same

EX-28 | 6 | now | regional_manager@branch desk@branch dispatcher@branch | dispatcher | -
途中被检查 | Held by an inspection en route
[{plate}][，{cause}][，在 {place}] | [{plate}][, {cause}][, at {place}]
如实记录扣留，发延误通知 | Record the hold truthfully and send the delay notice
放行后继续 | Goes on when released

EX-29 | 6 | now | call_centre@company branch_manager@branch | branch_manager | 24:00
项目客户货物异常 | Project goods abnormal
[{cause}] | [{cause}]
当日 24:00 前上报大客户保障部 | Report to key-account operations before 24:00
保障部给出处理意见 | They say what happens

EX-30 | 6 | shift | desk@branch branch_manager@branch | desk | -
外转货物当日没有跟踪记录 | No tracking entry that day for handed-out goods
[{day}][，{carrier}] | [{day}][, {carrier}]
联系承运商，补录在途信息 | Ask the carrier and enter where the goods are
此后每天跟踪一次，直到签收 | Then once every day until signed

EX-31 | 6 | shift | dispatcher@branch engineer@company | dispatcher | -
设备静默、偏航、久停、被拆或电量低 | Tracker silent, off route, long stop, tampered or low battery
[{plate}][，{cause}] | [{plate}][, {cause}]
打电话给司机 | Phone the driver
设备恢复，或派人检修 | The tracker is heard again, or somebody repairs it

EX-32 | 7 | now | customer@customer carrier@carrier dispatcher@branch claims@branch | desk | -
到货发现丢失 | Loss found at arrival
[{units}] | [{units}]
向客户致歉，马上与承运方核实，立即补货 | Apologise, verify with the carrier at once, replenish
立理赔 | A claim is opened

EX-33 | 7 | now | dispatcher@branch driver@vehicle | dispatcher | -
司机与门卫或他人争执 | Driver quarrels with the gatekeeper or others
[{plate}][，{cause}][，在 {place}] | [{plate}][, {cause}][, at {place}]
请司机冷静，报地点、单位、姓名；联系现场后回电 | Let the driver stay calm and say place, company, names; talk to the site, call back
记录事件 | The incident is recorded

EX-34 | 7 | now | desk@branch branch_manager@branch | desk | -
到货检查有破损、受潮、脏污、挤压或二次封箱 | Damage, damp, dirt, pressure or second sealing at arrival
[{units}][，{cause}] | [{units}][, {cause}]
拍照，派送前与发货人商定 | Take photos; settle it with the consignor before delivery
商定后派送 | Delivered once settled

EX-35 | 7 | now | customer@customer desk@branch | desk | -
收货人不在 | Consignee absent
[{plate}][，{place}] | [{plate}][, {place}]
联系收发货人：30 分钟内能收就等，否则另约 | Reach consignor or consignee: wait if receivable within 30 minutes, else re-agree
再次派送，第 2 次起收费 | Delivered again; a fee from the 2nd attempt

EX-36 | 7 | now | customer@customer desk@branch dispatcher@branch | desk | -
将晚到 | Will be late
[{plate}][，{cause}][，应于 {due}][，新预计 {eta}] | [{plate}][, {cause}][, due {due}][, now expected {eta}]
电话告诉客户原因和新的预计时间 | Phone the customer: reason and next expected time
送达 | Delivered

EX-37 | 7 | shift | desk@branch branch_manager@branch | desk | -
要求上楼、卸货或其他要求 | Asked to carry upstairs, unload or more
[{cause}] | [{cause}]
答复司机：人手、费用由谁承担 | Answer the driver: how many hands, who pays
按答复办理 | Done as answered

EX-38 | 8 | now | customer@customer driver@vehicle desk@branch claims@branch | desk | -
短少或破损，客户不签 | Short or damaged, customer refuses to sign
[{cause}] | [{cause}]
致歉，向司机核实并答复；请客户留好单据 | Apologise, verify with the driver and answer; ask the customer to keep the papers
拒收或异常签收并附照片，立理赔 | Refused or signed with remarks and photo; a claim follows

EX-39 | 8 | shift | desk@branch driver@vehicle customer@customer | desk | -
单据破损看不清，无法收货 | Papers unreadable, cannot receive
[{cause}] | [{cause}]
发送发货单副本；客户保留原件 | Send a copy of the dispatch note; the customer keeps the original
按副本收货 | Received on the copy

EX-40 | 8 | shift | branch_manager@branch regional_manager@branch claims@branch | branch_manager | -
数量、重量或内容有争议 | Count, weight or content disputed
[签收 {signed}][，应为 {delivered}] | [signed {signed}][, should be {delivered}]
用发货、过磅记录对照收货记录，写报告 | Compare dispatch and weigh records with the receiving record; report
补发或说明 | Replenish or explain

EX-41 | 8 | shift | desk@branch finance@branch | desk | -
代收货款金额有争议 | COD amount disputed
[{cause}] | [{cause}]
与发货人核对金额；不多收不少收 | Check the amount with the consignor; no more, no less
按确认金额收款 | Collected as confirmed

EX-42 | 8 | shift | branch_manager@branch | branch_manager | -
疑似虚假签收 | Suspected false sign-off
[签收人 {signer}][，车和手机都不在场] | [signed by {signer}][, neither truck nor phone was there]
核对签收依据，定是否成立 | Review the evidence and decide
成立则提出记分建议 | If it stands, points are proposed

EX-43 | 9 | shift | desk@branch driver@vehicle customer@customer branch_manager@branch | desk | -
回单到期未返 | Receipt not back in time
[应于 {due}][，在 {holder} 处] | [due {due}][, held by {holder}]
提醒持单人，说明日期和批次 | Remind the holder, naming date and batch
回单返回并核对 | The receipt is back and checked

EX-44 | 9 | shift | desk@branch branch_manager@branch | desk | -
回单不合格、重签超时或丢失 | Slip unqualified, re-signed late or lost
[回单 {slip}] | [slip {slip}]
重签，快递费由责任部门承担 | Have it signed again, courier cost on the department
合格回单返回 | A qualified slip is back
"""  # noqa: E501
