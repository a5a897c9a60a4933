"""The local servers that stand in for products, each a process of its own."""

import contextlib
import json
import subprocess
import time
import urllib.request

from . import paths
from .processes import leashed
from .session import free_port
from .steps import Stop

START_SECONDS = 20


@contextlib.contextmanager
def running(tag, products):
    """Start sandboxes on free ports of 127.0.0.1 and stop them after the block.

    :param tag: goes into the names of their logs
    :param products: names of modules of `sandbox`
    :return: the address of each, such as `{"stripe": "http://127.0.0.1:40001"}`
    """
    with contextlib.ExitStack() as stack:
        yield {product: stack.enter_context(_one(product, tag)) for product in products}


@contextlib.contextmanager
def _one(product, tag):
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    log = paths.LOGS / f"{tag}-{product}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            leashed([paths.PYTHON, "-m", f"sandbox.{product}", "--port", port]),
            cwd=paths.ROOT,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
    try:
        _wait(process, url, log)
        yield url
    finally:
        process.terminate()
        process.wait()


def _wait(process, url, log):
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        with (
            contextlib.suppress(OSError, ValueError),
            urllib.request.urlopen(f"{url}/__sandbox__/health", timeout=2) as answer,
        ):
            json.load(answer)
            return
        time.sleep(0.05)
    raise Stop("A sandbox does not start.", f"Read {log}.")
