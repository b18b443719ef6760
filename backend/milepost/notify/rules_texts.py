"""What customers and drivers are told where it is not the general text, and what a person is told by name.

Each entry: `id | role`, then the text, Chinese beside English (fields and brackets as in `rules_ex`).
"""

OWN_TEXTS = """
EX-1 | customer
很抱歉，您的订单 {order} 有货短缺[：第 {line} 行缺 {qty}]。我们尽快补上，缺的先发。 | We are sorry: some goods of your order {order} are short[: line {line} by {qty}]. What is missing goes first.

EX-24 | customer
很抱歉，您的订单 {order} 不能按时提货[：{cause}]。我们会打电话与您约新的时间。 | We are sorry: the pickup of your order {order} cannot be on time[: {cause}]. We will phone you to agree a new time.

EX-25 | customer
您问的订单 {order}[，车牌 {plate}]：我们正在查，15 分钟内答复您。 | Your enquiry about order {order}[, truck {plate}]: we are looking and will answer within 15 minutes.

EX-26 | customer
您的订单 {order} 途中遇到情况，可能晚到[：{cause}][，车牌 {plate}][，停在 {place}][，新预计 {eta}]。请先做准备，我们会一直通报到解除。 | Your order {order} met trouble on the road and may be late[: {cause}][, truck {plate}][, stuck at {place}][, now expected {eta}]. Please prepare for it; we keep you informed until it is resolved.

EX-32 | customer
很抱歉，您的订单 {order} 到货时发现少件[：{units}]。我们正与承运方核实，并马上补货。 | We are sorry: goods of your order {order} were found missing at arrival[: {units}]. We verify it with the carrier and replenish at once.

EX-35 | customer
您的订单 {order} 已送到，但没有人收货[，车牌 {plate}]。请与我们约定再次派送的时间。 | We brought your order {order} but nobody could receive it[, truck {plate}]. Please agree a new time with us.

delivery_failed | customer
您的订单 {order} 派送未成[：{cause}][，车牌 {plate}]。请与我们约定再次派送的时间。 | The delivery of your order {order} failed[: {cause}][, truck {plate}]. Please agree a new time with us.

lost | customer
很抱歉，您的订单 {order} 到货时少件[：{units}]。我们正与承运方核实，并马上补货。 | We are sorry: goods of your order {order} were missing at arrival[: {units}]. We verify it with the carrier and replenish at once.

EX-36 | customer
您的订单 {order} 将晚到[：{cause}][，原定 {due}][，新预计 {eta}]。很抱歉给您带来不便。 | Your order {order} will be late[: {cause}][, promised {due}][, now expected {eta}]. We are sorry.

EX-38 | customer
很抱歉，您的订单 {order} 交付时有短少或破损[：{cause}]。请保留好单据，我们向司机核实后答复您。 | We are sorry: your order {order} was short or damaged at delivery[: {cause}]. Please keep the papers; we verify it with the driver and answer you.

EX-43 | customer
订单 {order} 的签收回单还没有返回[，应于 {due}]。若在您处，请交还。 | The signed receipt of order {order} is not back yet[, due {due}]. If you have it, please hand it over.

signed_abnormal | customer
您的订单 {order} 已签收，但有异常[：少 {short}][，破损 {damaged}][，{note}]。很抱歉，我们核实后答复您。 | Your order {order} was signed for with remarks[: short {short}][, damaged {damaged}][, {note}]. We are sorry and will answer you.

refused | customer
收货方拒收了您的订单 {order}[：{reason}]。请告诉我们：再送、退回还是处置。 | The consignee refused your order {order}[: {reason}]. Please tell us: deliver again, return or dispose.

EX-27 | driver
收到您的求助（{plate}，订单 {order}）。调度正在找最近的修理厂，会打电话给您，请保持联系。 | We have your call for help ({plate}, order {order}). Dispatch looks for the nearest repair shop and will phone you; please keep in touch.

EX-33 | driver
请保持冷静，告诉调度地点、单位和对方姓名，我们来协调（订单 {order}）。 | Please stay calm and tell dispatch the place, the company and the names; we will sort it out (order {order}).

inbox.assigned | person
{by} 把一项异常交给您：{title}，订单 {order}[，运单 {waybill}]。[需办：{task}。] | {by} handed you an exception: {title}, order {order}[, waybill {waybill}].[ To do: {task}.]
"""  # noqa: E501


def _parse() -> dict[tuple[str, str], tuple[str, str]]:
    texts: dict[tuple[str, str], tuple[str, str]] = {}
    for block in OWN_TEXTS.strip().split("\n\n"):
        head, text = block.splitlines()
        name, role = (part.strip() for part in head.split("|"))
        zh, en = text.split(" | ")
        texts[name, role] = (zh, en)
    return texts


OWN = _parse()
