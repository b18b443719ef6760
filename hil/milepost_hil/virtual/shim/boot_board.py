"""The first script of every boot: makes an ESP32 out of the unix port, then runs boot.py and main.py."""

import micropython
import sys

micropython.kbd_intr(-1)  # _boot.py of an ESP32 cannot be interrupted either (T12)


def _install(page, flash, socket_path):
    import os
    import sys
    import vfs

    import layout
    import x_flash

    modules = sys.modules
    x_flash.page = page
    x_flash.base = flash
    import x_time

    modules["time"] = x_time
    modules["network"] = __import__("x_network")
    import x_machine

    x_machine._socket_path = socket_path
    modules["machine"] = x_machine
    import x_esp32

    modules["esp32"] = x_esp32
    import x_socket

    x_socket._ask = x_machine._ask
    modules["socket"] = x_socket
    modules["ntptime"] = __import__("x_ntptime")
    import x_os

    modules["os"] = x_os
    import x_sys

    modules["sys"] = x_sys

    partition = x_esp32.Partition("vfs")
    vfs.umount("/")
    try:
        filesystem = vfs.VfsLfs2(partition, readsize=32, progsize=32, lookahead=32)
    except OSError:
        vfs.VfsLfs2.mkfs(partition, readsize=32, progsize=32, lookahead=32)
        filesystem = vfs.VfsLfs2(partition, readsize=32, progsize=32, lookahead=32)
        vfs.mount(filesystem, "/")
        with open("/boot.py", "w") as f:
            f.write("# This file is executed on every boot (including wake-boot from deepsleep)\n")
    else:
        vfs.mount(filesystem, "/")
    os.chdir("/")
    sys.path[:] = ["", ".frozen", "/lib"]
    for name in list(modules):
        if name.startswith("x_") or name == "layout":
            del modules[name]
    return x_machine._bytes[layout.SKIP_MAIN] == 1


def _run(name, scope):
    """True when the file is absent or ran to its end, as pyexec_file_if_exists() of the ESP32 says it."""
    import os
    import sys

    try:
        os.stat(name)
    except OSError:
        return True
    try:
        execfile(name, scope)
        return True
    except SystemExit:
        raise
    except BaseException as e:
        sys.print_exception(e)
        return False


def _start():
    scope = globals()
    argv = sys.argv[:]
    stdout, kbd_intr = sys.stdout, micropython.kbd_intr
    putenv = __import__("os").putenv  # of the unix port, before the board's os takes its place
    skip_main = _install(int(argv[1]), int(argv[2]), argv[3])
    sys.argv[:] = [""]
    run = _run
    for name in ("_install", "_run", "_start", "micropython", "sys"):
        del scope[name]  # the program and the prompt find the empty __main__ of a fresh board
    kbd_intr(3)
    stdout.write("\x1e")  # the supervisor hides this sign: from here on Ctrl-C interrupts
    if run("boot.py", scope) and not skip_main:
        run("main.py", scope)
    putenv("MICROPYINSPECT", "1")  # on to the prompt; SystemExit did not come here and ends the interpreter


_start()
