"""Texts of the GS1 names of vehicles and places, and of files brought in. Chinese beside English; part of `TEXTS`."""

GS1_TEXTS: dict[str, tuple[str, str]] = {
    "gs1.title": ("GS1 编码", "GS1 names"),
    "gs1.help": (
        "合作方在 EPCIS 里怎样称呼我们的车和地点。",
        "What partners call our vehicles and places in EPCIS.",
    ),
    "gs1.kind.vehicles": ("车辆", "Vehicles"),
    "gs1.kind.sites": ("站点", "Sites"),
    "gs1.kind.doors": ("月台", "Doors"),
    "gs1.of.vehicles": ("GIAI（资产代码）", "GIAI, asset identifier"),
    "gs1.of.sites": ("SGLN（位置码）", "SGLN, location number"),
    "gs1.of.doors": ("SGLN（位置码加扩展）", "SGLN, location number with extension"),
    "gs1.like": (
        "写成 {example}、GS1 数字链接，或标签的十六进制；清空就去掉。",
        "Like {example}, a GS1 Digital Link, or the hex digits of a tag; empty takes it away.",
    ),
    "gs1.save": ("保存", "Save"),
    "gs1.saved": ("已保存：{name}。", "Saved: {name}."),
    "gs1.taken": ("已有别的车或地点叫这个名字。", "Something else is called that already."),
    "gs1.none": ("这里还没有登记", "Nothing is registered here yet"),
    "gs1.none.help": ("用下面的文件导入，或通过接口登记。", "Bring a file in below, or use the API."),
    "gs1.file": ("从 CSV 文件导入", "Bring a CSV file in"),
    "gs1.file.help": (
        "整个文件要么全收，要么一行不收。已有的只补 GS1 编码。先下载空表，填好再传：",
        "A file is taken whole or not at all; what is there already only gets its GS1 name. Fill in one of these:",
    ),
    "gs1.file.what": ("文件里是", "In the file"),
    "gs1.file.units": ("订单的货件（标签）", "Units of orders, with their tags"),
    "gs1.file.choose": ("文件", "File"),
    "gs1.file.go": ("导入", "Bring it in"),
    "gs1.file.done": (
        "已导入 {rows} 行：新登记 {made}，补编码 {changed}。",
        "{rows} rows taken in: {made} new, {changed} got a name.",
    ),
    "gs1.file.bad": (
        "没有收下任何一行，请改好再导入：",
        "Nothing was taken in. Correct these lines and send the file again:",
    ),
    "gs1.file.line": ("第 {n} 行：{what}", "Line {n}: {what}"),
    "gs1.file.missing": ("请选一个文件。", "Choose a file."),
    "gs1.file.forbidden": ("您的角色不能导入这一种。", "Your role may not bring these in."),
}
