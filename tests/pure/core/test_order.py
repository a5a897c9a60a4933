"""Whatever comes twice, late, mixed or in any batches leaves the state that the same things leave in order.

A small engine over plain data uses the rules of `core.order` as the real one does in its statements.
"""

from hypothesis import given, settings
from hypothesis import strategies as st

from lead_to_cash_hub.core import order

OPEN = ("pending", "waiting", "failed")
KEYS = (1, 2, 3)


class Engine:
    """Messages in a list, records in a dict; what fails stays before a person."""

    def __init__(self):
        self.messages, self.seen, self.records, self.questions = [], set(), {}, {}
        self.log = []

    def receive(self, event):
        """Store an event once, with the next number of arrival."""
        if event["name"] not in self.seen:
            self.seen.add(event["name"])
            row = {**event, "id": len(self.messages), "state": "pending", "decision": None}
            self.messages.append(row)

    def claim(self, wanted):
        """The rows of a batch, with what blocks them: the SQL of the claim."""
        rows = [row for row in self.messages if row["state"] == "pending"]
        rows = [row for place, row in enumerate(rows) if place in wanted]
        ids = {row["id"] for row in rows}
        for row in rows:
            row["blocked"] = any(
                one["order_key"] == row["order_key"]
                and one["id"] < row["id"]
                and one["id"] not in ids
                and one["state"] in OPEN
                and "event" in (one["kind"], row["kind"])
                for one in self.messages
            )
        return rows

    def work(self, wanted):
        """One batch; what waited is looked at again in the next one."""
        chosen = order.choose(self.claim(wanted))
        for row in chosen.later:
            row["state"] = "waiting"
        for row in chosen.now:
            for older in row["instead_of"]:
                older["state"] = "skipped"
            self.apply(row)

    def wake(self):
        for row in self.messages:
            row["state"] = "pending" if row["state"] == "waiting" else row["state"]

    def apply(self, row):
        key = row["order_key"]
        version, _value = self.records.get(key, (None, None))
        if row["kind"] == "event":
            # a deletion of a known record is a person's decision, and holds the record back
            row["state"] = "failed" if key in self.records else "skipped"
            if row["state"] == "failed":
                self.questions[key] = "deleted"
        elif order.is_stale(row["version"], version):
            row["state"] = "skipped"
        else:
            row["state"] = "failed" if row["bad"] else "done"
            if not row["bad"]:
                self.records[key] = (row["version"], row["value"])
                self.log.append((key, row["version"]))
            self.supersede(row)

    def supersede(self, row):
        """A full record that was decided replaces older ones that failed: the SQL of the results."""
        for one in self.messages:
            if (
                one["order_key"] == row["order_key"]
                and one is not row
                and one["kind"] != "event"
                and one["state"] == "failed"
                and not order.is_newer(one, row)
            ):
                one["state"] = "skipped"

    def state(self):
        """Records, open questions, and records that something waits for.

        Of a record whose newest version is bad only the question counts: whether an older good one was
        written before depends on when the bad one came.
        """
        newest = {}  # an older version that came after a newer one had failed may be asked about as well
        for row in sorted(self.messages, key=lambda row: row["version"]):
            if row["state"] == "failed":
                newest[row["order_key"], row["kind"]] = (
                    row["order_key"],
                    row["version"],
                    row["kind"],
                )
        failed = set(newest.values())
        bad = {key for key, _version, kind in failed if kind == "snapshot"}
        waiting = {row["order_key"] for row in self.messages if row["state"] in OPEN[:2]}
        return (
            {key: value for key, value in self.records.items() if key not in bad},
            failed,
            waiting,
        )


def history(draw_kinds):
    """What happened at the source, in order: full records with growing versions, at most one deletion
    as the last word of a record."""
    events, versions, gone = [], dict.fromkeys(KEYS, 0), set()
    for place, (key, kind, bad) in enumerate(draw_kinds):
        if key in gone:
            continue
        versions[key] += 1
        if kind == "event" and versions[key] == 1:
            kind = "snapshot"  # nothing is deleted before it is made
        if kind == "event":
            gone.add(key)
        events.append(
            {
                "name": f"{key}:{versions[key]}",
                "order_key": key,
                "kind": kind,
                "version": f"{versions[key]:04}",
                "value": place,
                "bad": bad,
            }
        )
    return events


happenings = st.lists(
    st.tuples(
        st.sampled_from(KEYS),
        st.sampled_from(["snapshot"] * 5 + ["event"]),
        st.sampled_from([False] * 5 + [True]),
    ),
    max_size=14,
)


def in_order(events):
    engine = Engine()
    for event in events:
        engine.receive(event)
        engine.work({0})
    for _turn in range(3):
        engine.wake()
        engine.work(range(99))
    return engine


def come_to_rest(engine):
    for _turn in range(2 * len(engine.messages) + 2):
        engine.wake()
        engine.work(range(99))
    return engine


def latest(events):
    """What must be there: the newest version of each record, written or before a person."""
    newest = {event["order_key"]: event for event in events}
    records = {key: (e["version"], e["value"]) for key, e in newest.items() if not e["bad"]}
    return records, {(key, e["version"], e["kind"]) for key, e in newest.items() if e["bad"]}


@given(st.data(), happenings)
@settings(max_examples=150, deadline=None)
def test_batches_duplicates_and_restarts_change_nothing(data, happened):
    """In the order of arrival, with duplicates, in batches of any rows at any time."""
    events = history(happened)
    engine = Engine()
    for event in events:
        for _copy in range(data.draw(st.integers(1, 3))):
            engine.receive(event)
        if data.draw(st.booleans()):
            engine.work(data.draw(st.sets(st.integers(0, 9))))
        if data.draw(st.booleans()):
            engine.wake()
    assert come_to_rest(engine).state() == come_to_rest(in_order(events)).state()


@given(st.data(), happenings)
@settings(max_examples=150, deadline=None)
def test_full_records_in_any_order_end_with_the_newest(data, happened):
    """Full records that arrive in any order, twice, in any batches: the newest good one stands."""
    events = [event for event in history(happened) if event["kind"] != "event"]
    copies = [event for event in events for _copy in range(data.draw(st.integers(1, 3)))]
    engine = Engine()
    for event in data.draw(st.permutations(copies)):
        engine.receive(event)
        if data.draw(st.booleans()):
            engine.work(data.draw(st.sets(st.integers(0, 9))))
    come_to_rest(engine)
    records, failed, waiting = engine.state()
    assert (records, failed) == latest(events) and not waiting
    for key in KEYS:
        versions = [version for one, version in engine.log if one == key]
        assert versions == sorted(versions), "an older one was written over a newer one"


@given(st.data(), happenings)
@settings(max_examples=150, deadline=None)
def test_nobody_overtakes_an_event_of_the_same_record(data, happened):
    """What comes after an event that waits for a person waits too, whatever the batches."""
    events = history(happened)
    engine = Engine()
    for event in events:
        engine.receive(event)
    behind = {}
    for event in events:
        if event["kind"] == "event":
            later = {**event, "name": "behind", "kind": "snapshot", "version": "9999", "bad": False}
            engine.receive({**later, "name": f"behind {event['name']}"})
            behind[event["order_key"]] = "9999"
    while any(row["state"] == "pending" for row in engine.messages):
        engine.work(data.draw(st.sets(st.integers(0, 9), min_size=1)) | {0})
    come_to_rest(engine)
    for key in behind:
        if any(
            r["order_key"] == key and r["state"] == "failed" and r["kind"] == "event"
            for r in engine.messages
        ):
            assert engine.records[key][0] != "9999"


def row(number, kind="snapshot", version=None, blocked=False, decision=None, key=1):
    return {
        "id": number,
        "order_key": key,
        "kind": kind,
        "version": version,
        "blocked": blocked,
        "decision": decision,
    }


def ids(rows):
    return [one["id"] for one in rows]


def test_of_full_records_the_newest_by_version_then_by_arrival():
    chosen = order.choose([row(1, version="2"), row(2, version="1"), row(3, version="2")])
    assert (ids(chosen.now), ids(chosen.now[0]["instead_of"])) == ([3], [1, 2])


def test_a_record_without_a_version_stands_for_nothing_and_nothing_for_it():
    rows = [row(1, version="2"), row(2), row(3), row(4, version="3"), row(5, key=2)]
    turns = []
    while rows:
        chosen = order.choose(rows)
        turns.append(ids(chosen.now))
        assert not any(one["instead_of"] for one in chosen.now)
        rows = chosen.later
    assert turns == [[1, 5], [2], [3], [4]]


def test_without_a_version_arrival_says_which_is_newer():
    assert order.is_newer(row(2), row(1, version="9"))
    assert not order.is_newer(row(1, version="9"), row(2))


def test_what_comes_after_an_event_of_its_record_waits():
    chosen = order.choose([row(1, "event"), row(2), row(3, "event"), row(4, key=2)])
    assert (ids(chosen.now), ids(chosen.later)) == ([1, 4], [2, 3])


def test_an_event_after_a_full_record_waits_and_so_does_what_follows_it():
    chosen = order.choose([row(1, version="1"), row(2, "event"), row(3, version="3")])
    assert (ids(chosen.now), ids(chosen.later)) == ([1], [2, 3])


def test_behind_a_blocked_one_nothing_of_its_record_goes():
    chosen = order.choose([row(1, blocked=True), row(2, "event"), row(3)])
    assert (ids(chosen.now), ids(chosen.later)) == ([], [1, 2, 3])


def test_a_decision_holds_for_the_newer_version():
    chosen = order.choose([row(1, version="1", decision={"link": 5}), row(2, version="2")])
    assert chosen.now[0]["decision"] == {"link": 5}


def test_a_suspect_stands_alone_unless_something_of_its_record_comes_first():
    rows = [row(1), row(2, key=2), row(3, "event", key=2), row(4, key=3)]
    assert ids(order.alone(rows, rows[2])) == [2]
    assert ids(order.alone(rows, rows[3])) == [4]
