"""Run a command with no network but this machine's own address: `python tests/offline.py COMMAND ...` (Linux).

Exits with 3 where that may not be done here.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys

INSIDE = "--inside"
SIOCSIFFLAGS, UP_AND_RUNNING = 0x8914, 0x41
TELEMETRY = ("PYANNOTE_METRICS_ENABLED", "HF_HUB_DISABLE_TELEMETRY", "HF_HUB_OFFLINE", "DO_NOT_TRACK")


def main() -> int:
    if sys.argv[1] == INSIDE:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:  # tests have servers on 127.0.0.1
            fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh", b"lo", UP_AND_RUNNING))
        os.execvp(sys.argv[2], sys.argv[2:])
    tool = shutil.which("unshare")
    for how in ("-rn", "-n"):
        if tool and subprocess.run([tool, how, "true"], capture_output=True, check=False).returncode == 0:
            environment = {name: value for name, value in os.environ.items() if name not in TELEMETRY}
            os.execve(tool, [tool, how, sys.executable, __file__, INSIDE, *sys.argv[1:]], environment)
    print("a network cannot be taken away here: it needs Linux, unshare, and the right to use it", file=sys.stderr)
    return 3


if __name__ == "__main__":
    sys.exit(main())
