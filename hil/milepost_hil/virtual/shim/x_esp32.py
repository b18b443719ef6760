"""esp32.Partition over the flash file and a small esp32.NVS."""

import binascii
import json
import struct

import layout
import x_flash
import x_memory as memory


class Partition(x_flash.Region):
    BOOT, RUNNING = 0, 1
    TYPE_APP, TYPE_DATA = 0, 1

    def __init__(self, id, row=None):
        if row is None:
            rows = [r for r in x_flash.table() if (r[0] == 0 if id in (0, 1) else r[4] == id)]
            if not rows:
                raise OSError(2)
            row = rows[0]
        self._row = row
        super().__init__(row[2], row[3])

    def info(self):
        return self._row

    @staticmethod
    def find(type=TYPE_APP, subtype=0xFF, label=None, block_size=4096):
        return [
            Partition(None, r)
            for r in x_flash.table()
            if r[0] == type and subtype in (0xFF, r[1]) and label in (None, r[4])
        ]


class NVS:
    """Key-value pairs that survive power, in two flash sectors written in turns (not ESP-IDF's page format)."""

    _MAGIC = 0x5356494D

    def __init__(self, namespace):
        self._name = namespace
        self._region = Partition("nvs")
        self._serial, self._all = self._load()
        self._mine = self._all.setdefault(namespace, {})

    def _load(self):
        best = (0, {})
        for sector in (0, 1):
            head = bytearray(16)
            self._region.readblocks(sector, head)
            magic, serial, size, crc = struct.unpack("<IIII", head)
            if magic != self._MAGIC or size > layout.SECTOR_BYTES - 16:
                continue
            body = bytearray(size)
            self._region.readblocks(sector, body, 16)
            if binascii.crc32(body) == crc and serial > best[0]:
                best = (serial, json.loads(body))
        return best

    def set_i32(self, key, value):
        self._mine[key] = value

    def set_blob(self, key, value):
        self._mine[key] = binascii.b2a_base64(value).decode().strip()

    def get_i32(self, key):
        return self._get(key, int)

    def get_blob(self, key, buffer):
        data = binascii.a2b_base64(self._get(key, str))
        buffer[: len(data)] = data
        return len(data)

    def _get(self, key, kind):
        value = self._mine.get(key)
        if not isinstance(value, kind):
            raise OSError(-4354, "ESP_ERR_NVS_NOT_FOUND")
        return value

    def erase_key(self, key):
        if key not in self._mine:
            raise OSError(-4354, "ESP_ERR_NVS_NOT_FOUND")
        del self._mine[key]

    def commit(self):
        self._serial += 1
        body = json.dumps(self._all).encode()
        head = struct.pack("<IIII", self._MAGIC, self._serial, len(body), binascii.crc32(body))
        sector = self._serial & 1
        self._region.ioctl(6, sector)
        self._region.writeblocks(sector, body, 16)
        self._region.writeblocks(sector, head, 0)  # last: a torn commit leaves the other sector valid


HEAP_DATA, HEAP_EXEC = 4, 1


def idf_heap_info(capabilities):
    return [(113840, 68000, 65536, 60000)]


def mcu_temperature():
    return 41


def raw_temperature():
    return 106


def wake_on_ext0(*args, **kwargs):
    pass


def flash_operations():
    """How many programs and erases the flash has seen (a figure of the virtual board only)."""
    return memory.get32(x_flash.page + layout.FLASH_OPS)
