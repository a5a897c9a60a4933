"""Started by cluster.py beside a PostgreSQL server: stops it when its last user is gone.

Arguments: the descriptor that says "a keeper is here" (held open until the end), the users' lock file, and
the command that stops the server.
"""

import fcntl
import os
import subprocess
import sys


def main(descriptor, users, *stop):
    """Wait until nobody holds the users' lock, then run the stop command while holding it alone."""
    with open(users, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run(stop)
        os.close(
            int(descriptor)
        )  # before the users' lock: the next run must start a keeper of its own


if __name__ == "__main__":
    main(*sys.argv[1:])
