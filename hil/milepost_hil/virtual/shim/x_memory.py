"""Raw memory of the process: the shared page and the flash, without allocating."""

import micropython


@micropython.viper
def get32(address: int) -> int:
    return int(ptr32(address)[0])


@micropython.viper
def put32(address: int, value: int):
    ptr32(address)[0] = value


@micropython.viper
def get8(address: int) -> int:
    return int(ptr8(address)[0])


@micropython.viper
def put8(address: int, value: int):
    ptr8(address)[0] = value


@micropython.viper
def read(address: int, buf, size: int):
    source = ptr8(address)
    target = ptr8(buf)
    for i in range(size):
        target[i] = source[i]


@micropython.viper
def program(address: int, buf, size: int):
    """NOR flash: programming can only clear bits."""
    target = ptr8(address)
    source = ptr8(buf)
    for i in range(size):
        target[i] = target[i] & source[i]


@micropython.viper
def erase(address: int, size: int):
    target = ptr32(address)
    for i in range(size >> 2):
        target[i] = -1


@micropython.viper
def die():
    """Ends the process at once, with nothing run or flushed; the supervisor reads why in the page."""
    ptr8(0)[0] = 0
