"""Work for tests/test_child.py, done in the child: one function that does as it is told."""

import ctypes
import os
import sys
import time

from engine.errors import DamagedFileError


def work(request: bytes) -> bytes:
    """Answer to "echo…", or one of many ways to fail."""
    order, _, rest = request.partition(b" ")
    if order == b"echo":
        return rest
    if order == b"pid":
        return str(os.getpid()).encode()
    if order == b"print":
        print("out")
        print("err", file=sys.stderr)
        os.write(2, b"native")
    if order == b"sleep":
        time.sleep(float(rest))
    if order == b"stuck":
        ctypes.PyDLL(None).sleep(int(rest))  # a native call that keeps Python's lock
    if order == b"hog":
        return str(len(bytearray(int(rest)))).encode()
    if order == b"crash":
        ctypes.string_at(0)
    if order == b"exit":
        os._exit(3)
    if order == b"refuse":
        raise DamagedFileError(rest.decode())
    if order == b"fault":
        raise KeyError(rest.decode())
    if order == b"limits":
        return f"{os.getpriority(os.PRIO_PROCESS, 0)} {os.getsid(0)}".encode()
    return b""
