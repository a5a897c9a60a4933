"""When silence is a fault: what a stream does, held against what is expected of it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Facts:
    """What is known of a stream now. Times are seconds; 0 as a limit means: not watched.

    :param poll_silence: since the last poll that worked; None if it is not polled.
    :param poll_limit: how long polls may fail to work.
    :param lag: age of the oldest message that is not finished, throttled and waiting ones included.
    :param quiet: since the last message, counted in working time only.
    :param quiet_limit: how often something is expected, in working time.
    :param empty_runs: polls in a row that brought nothing new.
    """

    poll_silence: float | None = None
    poll_limit: float = 0
    lag: float = 0
    lag_limit: float = 0
    quiet: float = 0
    quiet_limit: float = 0
    empty_runs: int = 0
    empty_limit: int = 0


def judge(facts: Facts) -> tuple[str, float] | None:
    """The weightiest thing that is wrong.

    :return: ``(code, measured)``, the measure in seconds or runs; None if all is as expected.
    """
    checks = (
        ("poll_silent", facts.poll_silence or 0, facts.poll_limit),
        ("lagging", facts.lag, facts.lag_limit),
        ("quiet", facts.quiet, facts.quiet_limit),
        ("empty_runs", facts.empty_runs, facts.empty_limit),
    )
    for code, measured, limit in checks:
        over = measured >= limit if code == "empty_runs" else measured > limit
        if limit and over:
            return code, measured
    return None
