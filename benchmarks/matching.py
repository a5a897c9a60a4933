"""Who is who: right and wrong links on labelled companies, and the speed of `match` against 100,000 customers."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from core import likeness
from core.company_names import plain_words, search_words, stem
from core.likeness import ASK, CREATE, LINK, Thresholds, party

from . import companies
from .frame import Line

SHARED = 2  # customers with one domain, from which on it says less
SEEDS = (1, 2, 3, 4, 11, 12, 13)


@dataclass
class Judged:
    """What became of the companies of a labelled set.

    :ivar outcomes: how many by ``(truth, outcome)``: truth is "known" or "new", outcome "right" or "wrong" for a link,
        "ask", "create"
    :ivar wrong: ``(sent, whom it was linked to)`` of each wrong link
    :ivar asked_right: questions that show the right one
    """

    outcomes: Counter = field(default_factory=Counter)
    wrong: list = field(default_factory=list)
    asked_right: int = 0

    @property
    def precision(self) -> float:
        """Of the links made without asking, the share that is right."""
        right = self.outcomes["known", "right"]
        linked = right + self.outcomes["known", "wrong"] + self.outcomes["new", "wrong"]
        return right / linked if linked else 1.0

    @property
    def recall(self) -> float:
        """Of the companies that Odoo knows, the share that was linked to itself without asking."""
        known = sum(count for (truth, _o), count in self.outcomes.items() if truth == "known")
        return self.outcomes["known", "right"] / known


def judge(labelled: companies.Labelled, decide=likeness.decide) -> Judged:
    """Let the hub's rules, or other ones, decide about each company that is sent; nobody answers questions."""
    parties = [party(values) for values in labelled.known]
    by_key = defaultdict(set)
    for place, known in enumerate(labelled.known):
        for key in _keys(parties[place]):
            by_key[key].add(place)
        for word in plain_words(known["name"]):
            for length in range(4, len(word) + 1):
                by_key[word[:length]].add(place)
    judged = Judged()
    for sent in labelled.sent:
        who = party(sent.values)
        near = set().union(*(by_key.get(key, ()) for key in _keys(who)))
        for words in search_words(sent.values["name"]):
            near |= set.intersection(*(by_key.get(stem(word), set()) for word in words))
        shared = frozenset(d for d in who.domains if len(by_key.get(d, ())) >= SHARED)
        outcome, likely = decide(
            who, [(place, parties[place]) for place in sorted(near)], Thresholds(), shared
        )
        if outcome == LINK:
            right = likely[0][0] == sent.truth
            outcome = "right" if right else "wrong"
            if not right:
                judged.wrong.append((sent, labelled.known[likely[0][0]]))
        elif outcome == ASK and sent.truth in [key for key, _likeness in likely]:
            judged.asked_right += 1
        judged.outcomes["new" if sent.truth is None else "known", outcome] += 1
    return judged


def by_domain_or_name(who, others, _thresholds, _shared):
    """A careless matcher, to show that the traps are some: the same domain or the same name is the same company."""
    for key, other in others:
        if who.domains & other.domains or who.name.words == other.name.words:
            return LINK, [(key, None)]
    return CREATE, []


def _keys(who):
    """By what a company is found beside its name, as the indexes of the database do it."""
    return [key for key in (who.vat, who.phone, who.place, *who.domains) if key]


def bench_match(bench):
    """Companies a second that are decided about beside 100,000 customers; the reference looks each one's name
    up with Odoo's own search."""
    stock, count = bench.size(100_000, 2_000), bench.size(2_000, 100)
    for seed in SEEDS if not bench.quick else SEEDS[:1]:
        judged = judge(companies.make(seed))
        bench.note(
            f"seed {seed}: precision {judged.precision:.4f}, recall {judged.recall:.4f},"
            f" {judged.outcomes['known', ASK]} of the known asked, {len(judged.wrong)} wrong links"
        )
    with bench.worker() as worker:
        worker.call("matching:stock", count=stock)
        worker.call("matching:match", first=0, count=100, stock=stock)
        before = worker.memory

        def ours(number):
            spent = worker.call("matching:match", first=number * count, count=count, stock=stock)
            return count / spent

        def reference(number):
            few = count // 10
            spent = worker.call("matching:look_up", first=number * few, count=few, stock=stock)
            return few / spent

        figure = bench.alternate(ours, reference, unit="candidates/s", n=count)
        bench.note(f"memory of the worker grew by {worker.memory - before:.0f} MB")
        found = worker.call("matching:search", doubled=stock // 100)
        bench.note(
            f"nightly search for duplicates: {found['seconds']:.0f} s, {found['groups']} groups,"
            f" {found['doubled']:.1%} of those doubled on purpose found,"
            f" worker at {worker.memory - before:.0f} MB more"
        )
    return figure


LINES = {
    "match": Line(bench_match, "who is who beside 100,000 customers, beside Odoo's search by name")
}
