"""The modules of an ESP32 that the unix port lacks, as the virtual board's boot script installs them.

Supported (everything else raises AttributeError, as an unknown name would on the board):

machine   UART(1|2, baudrate=, tx=, rx=, timeout=, rxbuf=): any read readinto readline write init deinit,
          usable with select.poll and asyncio streams; Pin(n, mode, pull, value=): value on off irq init;
          Signal; WDT(timeout=).feed; RTC().datetime/.memory; Timer(0..3).init/.deinit; ADC (read, read_u16,
          read_uv); reset, soft_reset, reset_cause and the cause constants, unique_id, freq, idle,
          deepsleep, lightsleep, mem8/16/32, disable_irq/enable_irq
network   WLAN(STA_IF): active connect disconnect isconnected status config ifconfig ipconfig; hostname, country
esp32     Partition (find, info, readblocks, writeblocks, ioctl, RUNNING), NVS (i32, blob, erase_key,
          commit), mcu_temperature, idf_heap_info
time      epoch 2000-01-01; time() follows machine.RTC, which dies with power
os        uname, sync, dupterm besides the built-in ones
socket    getaddrinfo gives the address of the board's own TCP proxy, so ``s.connect(getaddrinfo(h, p)[0][-1])``
          goes over a link that tests can cut; sockets themselves are the interpreter's
ntptime   settime() sets the RTC from the host's clock while the network is up
"""
