"""What a trial prints, and whether it is good."""

from dataclasses import dataclass, field

LIMIT = 60  # seconds until the throughput is back
SHOWN = 10


@dataclass
class Report:
    """The figures of one trial.

    :param count: events under faults; :param seed: with the same one the same things happen and break
    :attr before, after: throughput in customers a second; :attr recovery: seconds, None if it did not come back
    :attr demands: figures that must be 0, with what was found
    """

    count: int
    seed: int
    sent: int = 0
    events: int = 0
    before: float = 0.0
    after: float = 0.0
    recovery: float | None = None
    faults: dict = field(default_factory=dict)
    figures: dict = field(default_factory=dict)
    demands: dict = field(default_factory=dict)

    def add(self, name, value):
        """A figure that is only told."""
        self.figures[name] = value

    def demand(self, name, value, found=()):
        """A figure that must be 0; `found` explains it."""
        self.demands[name] = (value, list(found))

    @property
    def clean(self):
        """Whether nothing was lost, doubled, out of order or half-made."""
        return bool(self.demands) and not any(value for value, _found in self.demands.values())

    @property
    def quick(self):
        """Whether the throughput came back in time."""
        return self.recovery is not None and self.recovery <= LIMIT

    def text(self):
        """The report as lines of text."""
        struck = ", ".join(f"{name} {times}" for name, times in self.faults.items())
        rows = [
            ("seed", self.seed),
            ("faults", struck),
            ("events", self.events),
            ("sent (copies)", self.sent),
            *self.figures.items(),
            ("throughput before", f"{self.before:.0f}/s"),
            ("throughput after", f"{self.after:.0f}/s"),
            ("recovery", "never" if self.recovery is None else f"{self.recovery:.0f} s"),
        ]
        lines = [f"  {name:<34} {value}" for name, value in rows]
        for name, (value, found) in self.demands.items():
            lines.append(f"{'✗' if value else '✓'} {name:<34} {value}")
            lines += [f"      {text}" for text in found[:SHOWN]]
            if len(found) > SHOWN:
                lines.append(f"      … and {len(found) - SHOWN} more")
        mark = "✓" if self.quick else "✗"
        lines.append(f"{mark} throughput back within {LIMIT} s")
        return "\n".join(lines)
