"""Whatever comes twice, late, mixed or in any batches leaves the state that the same things leave in order.

A small engine over plain data uses the rules of `core.order` as the real one does in its statements.
"""

from hypothesis import given, settings
from hypothesis import strategies as st

from lead_to_cash_hub.core import order

OPEN = ("pending", "waiting", "held", "failed", "dead")
ASKED = ("held", "failed", "dead")
KEYS = (1, 2, 3)
BAD = ("failed", "dead", "held")  # what may become of a version that is not simply written


class Engine:
    """Messages in a list, records in a dict; what fails stays before a person.

    :attr links: by id at the source: the record that it is, the version that was written, what it was merged into
    """

    def __init__(self):
        self.messages, self.seen, self.records, self.links = [], set(), {}, {}
        self.log, self.numbers = [], iter(range(10**6))

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
                and (
                    "event" in (one["kind"], row["kind"])
                    or (
                        None in (one["version"], row["version"])
                        and one["state"] in ("pending", "waiting")
                    )
                )
                for one in self.messages
            )
        return rows

    def work(self, wanted):
        """One batch; what waited is looked at again in the next one."""
        chosen = order.choose(self.claim(wanted))
        for row in chosen.later:
            row["state"] = "waiting"
        for row in chosen.now:
            waits = self.apply(row)
            for older in () if waits else row["instead_of"]:
                older["state"] = "skipped"

    def wake(self):
        for row in self.messages:
            row["state"] = "pending" if row["state"] == "waiting" else row["state"]

    def apply(self, row):
        """Decide a message; says whether it waits for another record."""
        link = self.links.get(row["order_key"])
        if row["kind"] == "event":
            return self.follow(row, link) if row["into"] else self.delete(row, link)
        if link and order.is_stale(row["version"], link["version"]):
            row["state"] = "skipped"
            return False
        row["state"] = row["bad"] or "done"
        if not row["bad"]:
            number = link["record"] if link else next(self.numbers)
            version = row["version"] or (link and link["version"])
            self.links[row["order_key"]] = {"record": number, "version": version, "into": None}
            self.records[number] = row["value"]
            self.log.append((row["order_key"], row["version"]))
        self.supersede(row)
        return False

    def delete(self, row, link):
        """A deletion of a known record is a person's decision, and holds the record back."""
        row["state"] = "failed" if link else "skipped"
        return False

    def follow(self, row, link):
        """A merge leads both ids to one record, if Odoo knows one side; it asks, if Odoo knows both apart."""
        survivor = self.links.get(row["into"])
        known = survivor or link
        if known is None:
            row["state"] = "waiting"  # for the survivor
            return True
        if link and survivor and link["record"] != survivor["record"]:
            row["state"] = "failed"
            return False
        row["state"] = "skipped"
        if link and not survivor:
            self.links[row["into"]] = {"record": link["record"], "version": None, "into": None}
        self.links[row["order_key"]] = {
            "record": known["record"],
            "version": row["version"],
            "into": row["into"],
        }
        return False

    def supersede(self, row):
        """A full record that was decided replaces older ones that failed or wait: the SQL of the results, where a
        comparison with no version is not true."""
        for one in self.messages:
            if one["order_key"] != row["order_key"] or one is row or one["kind"] == "event":
                continue
            if one["version"] is None:
                older = one["id"] < row["id"]
            else:
                older = bool(row["version"]) and (one["version"], one["id"]) < (
                    row["version"],
                    row["id"],
                )
            if older and one["state"] in ("waiting", *ASKED):
                one["state"] = "skipped"

    def decide(self):
        """A person decides all that is asked: what was deleted stays, what was merged at the source is merged here,
        what is held is let through, what is wrong is left out. Says whether anything was asked."""
        asked = [row for row in self.messages if row["state"] in ASKED]
        for row in asked:
            if row["kind"] == "event" and row["into"]:
                loser, survivor = (
                    self.links[row["order_key"]]["record"],
                    self.links[row["into"]]["record"],
                )
                for link in self.links.values():
                    link["record"] = survivor if link["record"] == loser else link["record"]
                row["state"] = "pending"
            elif row["state"] == "held":
                row.update(state="pending", bad=None)
            else:
                row["state"] = "skipped"
        return bool(asked)

    def outcome(self):
        """Which ids are one record, and what it says."""
        return {
            key: (
                {one for one, other in self.links.items() if other["record"] == link["record"]},
                self.records[link["record"]],
            )
            for key, link in self.links.items()
        }

    def state(self):
        """Records, open questions, and records that something waits for.

        Of a record whose newest version is bad only the question counts: whether an older good one was
        written before depends on when the bad one came.
        """
        newest = {}  # an older version that came after a newer one had failed may be asked about as well
        for row in sorted(self.messages, key=lambda row: row["version"]):
            if row["state"] in ASKED:
                newest[row["order_key"], row["kind"]] = (
                    row["order_key"],
                    row["version"],
                    row["kind"],
                )
        failed = set(newest.values())
        bad = {key for key, _version, kind in failed if kind == "snapshot"}
        waiting = {row["order_key"] for row in self.messages if row["state"] in OPEN[:2]}
        return (
            {
                key: (link["version"], self.records[link["record"]])
                for key, link in self.links.items()
                if key not in bad
            },
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
                "into": None,
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
        st.sampled_from([None] * 6 + list(BAD)),
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
@settings(max_examples=150)
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
@settings(max_examples=150)
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
@settings(max_examples=150)
def test_nobody_overtakes_an_event_of_the_same_record(data, happened):
    """What comes after an event that waits for a person waits too, whatever the batches."""
    events = history(happened)
    engine = Engine()
    for event in events:
        engine.receive(event)
    behind = {}
    for event in events:
        if event["kind"] == "event":
            later = {**event, "name": "behind", "kind": "snapshot", "version": "9999", "bad": None}
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
            assert engine.links[key]["version"] != "9999"


NEW = 4  # an id that comes into being by a merge alone
UNVERSIONED = 3


def whole_history(drawn):
    """What happened at a source, in order: 1 and 2 are made, changed, deleted, restored and merged into each other
    or into a new id; 3 is of a source without versions. The last version of each is good."""
    events, last, merged, targets = [], {}, set(), set()

    def tell(key, bad=None, kind="snapshot", into=None):
        place = len(events) + 1
        events.append(
            {
                "name": f"{key}:{place}",
                "order_key": key,
                "kind": kind,
                "into": into,
                "version": None if key == UNVERSIONED else f"{place:04}",
                "value": place,
                "bad": bad,
            }
        )
        last[key] = bad or kind

    for key, what, into in drawn:
        ends = last.get(key) == "snapshot" and key not in targets and key != UNVERSIONED
        into = into if into == NEW else 3 - key
        if key in merged:
            continue
        if what == "merge" and ends and into not in merged and (into == NEW or into in last):
            merged.add(key)
            targets.add(into)
            tell(key, kind="event", into=into)
            tell(into)  # its values are new after a merge
        elif what == "delete" and ends:
            tell(key, kind="event")
        else:
            tell(key, what if what in BAD else None)
    for key in [key for key, what in last.items() if what in BAD]:
        tell(key)
    return events


whole_happenings = st.lists(
    st.tuples(
        st.sampled_from((1, 1, 2, 2, UNVERSIONED)),
        st.sampled_from(["change"] * 6 + ["delete", "merge", "merge", *BAD]),
        st.sampled_from((NEW, 1)),
    ),
    max_size=14,
)


def with_a_person(engine):
    """Until nothing is asked any more."""
    come_to_rest(engine)
    while engine.decide():
        come_to_rest(engine)
    return engine


@given(st.data(), whole_happenings)
@settings(max_examples=400)
def test_any_interleaving_leads_to_the_state_of_the_run_in_order(data, happened):
    """Made, changed, deleted, merged, doubled, mixed, in any batches, with what fails, dies and is held: once a
    person has decided what is asked, the state is that of the run in order."""
    events = whole_history(happened)
    copies = [event for event in events for _copy in range(data.draw(st.integers(1, 2)))]
    mixed = data.draw(st.permutations(copies))
    # what has no version stays in the order in which it was read
    unversioned = iter([event for event in events if event["order_key"] == UNVERSIONED])
    names, engine = set(), Engine()
    for event in mixed:
        if event["order_key"] == UNVERSIONED:
            again, event = event["name"] in names, event
            names.add(event["name"])
            event = None if again else next(unversioned)
        if event:
            engine.receive(event)
        if data.draw(st.booleans()):
            engine.work(data.draw(st.sets(st.integers(0, 9))))
        if data.draw(st.booleans()):
            engine.wake()
    with_a_person(engine)
    straight = with_a_person(in_order(events))
    assert engine.outcome() == straight.outcome()
    assert not [row for row in engine.messages if row["state"] in OPEN]


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
