"""`./hub demo`: sandboxes, a supervised Odoo on a fresh database, and the story from lead to cash."""

import argparse
import contextlib
import signal
import threading

from . import paths, sandboxes, story
from .context import Context, Recorder
from .killer import Killer
from .running import odoo_on_clone
from .screens import Screens
from .session import free_port
from .steps import say, step
from .story import cast

PORT = 8069
RESULT = paths.STATE / "demo.json"


def demo(session, arguments):
    """Run the demo and return 0 when every step of the story was as it must be."""
    options = _options(arguments)
    products = cast.choose(options.products)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # both end the demo in order
    with contextlib.ExitStack() as stack:
        tag = f"demo-{free_port()}"
        with step("Starting the sandboxes"):
            urls = stack.enter_context(sandboxes.running(tag, products))
        with step("Starting Odoo on a fresh database"):
            running = stack.enter_context(
                odoo_on_clone(
                    session,
                    "demo",
                    ports=[options.port] if options.port else [PORT, 0],
                    keep=options.keep_db,
                    hub_local_hosts=",".join(url.removeprefix("http://") for url in urls.values()),
                )
            )
        context = Context(running.url, running.database, urls, running, Recorder(RESULT))
        if options.screens:
            context.screens = Screens(running.url)
            stack.callback(context.screens.close)
        tell(story, context, options.kill)
        if not options.once:
            say(f"Odoo runs at {running.url} (sign in as admin, password admin); Ctrl-C ends it.")
            for product, url in urls.items():
                say(f"  sandbox of {product}: {url}")
            with contextlib.suppress(KeyboardInterrupt):
                threading.Event().wait()
    if options.keep_db:
        say(f"The database stays: ./hub odoo -d {running.database}")
    return 0 if context.steps.ok else 1


def tell(story, context, kills=0):
    """Let the story run, with kills when asked for, and print what was seen.

    :param story: the module: `run(context)`, and `CHECKPOINTS`, how often it calls `context.checkpoint()`
    """
    if kills:
        context.killer = Killer(context.supervisor, kills, story.CHECKPOINTS)
    try:
        story.run(context)
    except Exception as error:  # pylint: disable=broad-except
        if not context.steps.steps or context.steps.steps[-1].ok:
            with (
                contextlib.suppress(type(error)),
                context.steps.step("The story", "runs to its end"),
            ):
                raise error
        say(f"✗ The story stopped: {type(error).__name__}: {error}")
    if context.killer:
        context.steps.add(context.killer.finish())
    print(f"\n{context.steps.table()}\n", flush=True)
    for text, url in context.links:
        print(f"{text}: {url}", flush=True)
    say(f"All steps: {RESULT}")


def _options(arguments):
    parser = argparse.ArgumentParser(prog="hub demo")
    parser.add_argument(
        "--port", type=int, help=f"Odoo's port ({PORT}, or a free one when that is taken)"
    )
    parser.add_argument(
        "--once", action="store_true", help="stop everything when the story has ended"
    )
    parser.add_argument(
        "--with",
        dest="products",
        default=cast.USUAL,
        metavar="NAMES",
        help=f"which products play, at most one of each kind: {cast.offered()}; usually {cast.USUAL}",
    )
    parser.add_argument("--keep-db", action="store_true", help="leave the database behind")
    parser.add_argument(
        "--kill", type=int, default=0, metavar="N", help="kill Odoo's processes N times"
    )
    parser.add_argument(
        "--screens", action="store_true", help="take pictures of the pages into .odoo/screens"
    )
    return parser.parse_args(arguments)
