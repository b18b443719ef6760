"""Layout of the 4 MiB flash and the blank state in which a new board leaves the bench."""

import struct
from pathlib import Path
from typing import NamedTuple

from milepost_hil.virtual.shim.layout import FLASH_BYTES, TABLE_OFFSET


class Row(NamedTuple):
    """One row of an ESP-IDF partition table."""

    type: int
    subtype: int
    offset: int
    size_bytes: int
    label: str


# vfs keeps the subtype fat (0x81) of the stock table; outbox is of the range left to applications
TABLE = (
    Row(1, 0x02, 0x9000, 0x6000, "nvs"),
    Row(1, 0x01, 0xF000, 0x1000, "phy_init"),
    Row(0, 0x00, 0x10000, 0x1F0000, "factory"),
    Row(1, 0x81, 0x200000, 0x180000, "vfs"),
    Row(1, 0x40, 0x380000, 0x80000, "outbox"),
)


def partition(label: str) -> Row:
    """The row of that label; KeyError if there is none."""
    for row in TABLE:
        if row.label == label:
            return row
    raise KeyError(label)


def encode_table(rows: tuple[Row, ...] = TABLE) -> bytes:
    """The table as it stands at 0x8000 (magic AA 50, 32 bytes a row)."""
    return b"".join(
        struct.pack("<HBBII16sI", 0x50AA, r.type, r.subtype, r.offset, r.size_bytes, r.label.encode(), 0) for r in rows
    )


def ensure(path: Path) -> None:
    """Makes a blank flash with a partition table if there is no file of the right size yet."""
    if path.exists() and path.stat().st_size == FLASH_BYTES:
        return
    image = bytearray(b"\xff" * FLASH_BYTES)
    table = encode_table()
    image[TABLE_OFFSET : TABLE_OFFSET + len(table)] = table
    path.write_bytes(image)


def write_region(path: Path, label: str, data: bytes) -> None:
    """Replaces the content of one partition; the rest of it is erased."""
    row = partition(label)
    if len(data) > row.size_bytes:
        raise ValueError(f"{len(data)} bytes do not fit into partition {label} of {row.size_bytes}")
    ensure(path)
    with path.open("r+b") as f:
        f.seek(row.offset)
        f.write(data + b"\xff" * (row.size_bytes - len(data)))
