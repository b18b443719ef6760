"""os with what the ESP32 port adds and without what only a Unix has."""

import sys

import vfs

_path, sys.path[:] = sys.path[:], []
import os as _native

sys.path[:] = _path

chdir, getcwd, ilistdir, listdir, mkdir = (
    _native.chdir,
    _native.getcwd,
    _native.ilistdir,
    _native.listdir,
    _native.mkdir,
)
remove, rename, rmdir, stat, statvfs, unlink = (
    _native.remove,
    _native.rename,
    _native.rmdir,
    _native.stat,
    _native.statvfs,
    _native.unlink,
)
urandom, sep = _native.urandom, "/"
mount, umount, VfsLfs2, VfsFat = vfs.mount, vfs.umount, vfs.VfsLfs2, vfs.VfsFat

_RELEASE = "%d.%d.%d" % sys.implementation.version[:3]


def uname():
    from collections import namedtuple

    kind = namedtuple("uname_result", ("sysname", "nodename", "release", "version", "machine"))
    return kind("esp32", "esp32", _RELEASE, "v" + _RELEASE, "Generic ESP32 module with ESP32")


def sync():
    pass


def dupterm(stream=None, index=0):
    return None
