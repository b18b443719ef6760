"""Where things stand in the page that supervisor, launcher and board share.

Read by CPython and MicroPython alike, so it holds plain numbers only. The page is a small file that
all three map; it stands for the parts of the chip that the interpreter itself does not have: reset
logic, watchdog, RTC, pins, and the counter of flash operations.
"""

PAGE_BYTES = 8192

REQUEST = 0  # u8: why the child ended itself (REQ_*)
RESET_CAUSE = 1  # u8: what machine.reset_cause() returns
WIFI_UP = 2  # u8: 1 while the access point is in reach
SKIP_MAIN = 3  # u8: 1 when the boot follows a soft reset out of the raw REPL
ARMED = 36  # u8: 1 while Ctrl-C interrupts (mp_hal_set_interrupt_char)
WDT_TIMEOUT_MS = 4  # u32: 0 = watchdog never started
WDT_FEEDS = 8  # u32: counts feed()
SLEEP_MS = 12  # u32: argument of deepsleep()
FLASH_OPS = 16  # u64: programs and erases since the image was made
CUT_AT = 24  # u64: number of the flash operation at which power fails; 0 = never
CUT_TORN_BYTES = 32  # u32: bytes of that operation which still reach the flash
RTC_BASE_US = 40  # i64: host unix time at which the RTC read 2000-01-01T00:00:00
MAC = 48  # 6 bytes
PIN_IN = 64  # 64 x u8: level driven from outside; PIN_FLOATING = not driven
PIN_OUT = 128  # 64 x u8: level the board drives; PIN_FLOATING = input
PIN_TRIGGER = 192  # 64 x u8: Pin.IRQ_FALLING | Pin.IRQ_RISING
HANDLERS = 256  # SLOTS x u64: address of the callable to schedule, 0 = none
SLOTS = 128  # 0..63 pins, 64.. timers
TIMER_SLOT = 64
RTC_MEMORY_LEN = 2044  # u16
RTC_MEMORY = 2048  # 2048 bytes

PIN_FLOATING = 0xFF
PINS = 64

REQ_NONE = 0
REQ_RESET = 1
REQ_DEEPSLEEP = 2
REQ_POWER_CUT = 3

# machine.reset_cause() of the ESP32 port (ports/esp32/modmachine.c)
CAUSE_POWER_ON = 1
CAUSE_HARD = 2
CAUSE_WATCHDOG = 3
CAUSE_DEEPSLEEP = 4
CAUSE_SOFT = 5

SECTOR_BYTES = 4096
FLASH_BYTES = 4 * 1024 * 1024
TABLE_OFFSET = 0x8000
