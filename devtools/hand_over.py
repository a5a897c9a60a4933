"""Started by supervisor.py in front of Odoo: hands over a listening socket as systemd does.

Arguments: the socket's descriptor, and the command to become. The socket becomes descriptor 3, and the
environment says so to this process alone. (A shell cannot do it: `sh` knows descriptors up to 9 only.)
"""

import os
import sys


def main(descriptor, *command):
    """Become the command, with the socket as descriptor 3."""
    os.dup2(int(descriptor), 3)
    os.environ |= {"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid())}
    os.execv(command[0], command)


if __name__ == "__main__":
    main(*sys.argv[1:])
