"""Changes as plain data, against a table in memory: what is recorded, carried out and taken back."""

from hypothesis import given
from hypothesis import strategies as st

from lead_to_cash_hub.core import change as rules


class Table:
    """Rows of one model, with the operations that a form has; each is recorded."""

    def __init__(self, rows):
        self.rows = {row_id: dict(values) for row_id, values in rows.items()}
        self.next = max(rows, default=0) + 100
        self.recording = None

    def create(self, values):
        place = self.recording and self.recording.begin("m", 1)[0]
        self.next += 1
        self.rows[self.next] = dict(values)
        if place:
            self.recording.created(place, self.next, self.rows[self.next], name="new")
        return self.next

    def write(self, row_id, values):
        before = dict(self.rows[row_id])
        self.rows[row_id].update(values)
        if self.recording:
            after = {name: self.rows[row_id][name] for name in values}
            self.recording.written("m", row_id, before, after, name="changed")

    def unlink(self, row_id):
        before = self.rows.pop(row_id)
        if self.recording:
            self.recording.deleted("m", row_id, before, name="gone")

    def carry_out(self, items):
        made = {}
        for item in items:
            values = rules.new(item)
            if item["kind"] == rules.CREATE:
                made[item["key"]] = self.create(values)
            elif item["kind"] == rules.WRITE:
                self.write(item["id"], values)
            else:
                self.unlink(item["id"])
        return [{**item, "id": made.get(item["key"], item["id"])} for item in items]

    def content(self):
        return sorted(sorted(row.items()) for row in self.rows.values())


ROWS = {1: {"a": 1, "b": 2}, 2: {"a": 3, "b": 4}, 3: {"a": 5, "b": 6}}
VALUES = st.fixed_dictionaries({}, optional={"a": st.integers(0, 3), "b": st.integers(0, 3)})
STEPS = st.lists(
    st.tuples(st.sampled_from(["create", "write", "unlink"]), st.integers(0, 9), VALUES),
    max_size=12,
)


def play(table, steps):
    for kind, number, values in steps:
        ids = sorted(table.rows)
        if kind == "create":
            table.create({"a": 0, "b": 0, **values})
        elif ids and kind == "write":
            table.write(ids[number % len(ids)], values)
        elif ids:
            table.unlink(ids[number % len(ids)])


def recorded(steps):
    table = Table(ROWS)
    table.recording = rules.Recording()
    play(table, steps)
    return table.recording.result(), table


@given(STEPS)
def test_what_was_recorded_does_the_same(steps):
    items, done = recorded(steps)
    table = Table(ROWS)
    table.carry_out(items)
    assert table.content() == done.content()


@given(STEPS)
def test_taken_back_it_is_as_before(steps):
    items, _done = recorded(steps)
    table = Table(ROWS)
    carried = table.carry_out(items)
    table.carry_out(rules.reverse(carried))
    assert table.content() == Table(ROWS).content()


@given(STEPS)
def test_nothing_differs_before_and_everything_after(steps):
    items, done = recorded(steps)
    for item in items:
        assert not rules.differing(item, ROWS.get(item["id"]))
        if item["kind"] == rules.WRITE:
            assert rules.differing(item, done.rows[item["id"]])
        if item["kind"] == rules.DELETE:
            assert rules.differing(item, None)


@given(STEPS, STEPS)
def test_the_later_proposal_counts(first, second):
    """Two proposals against the same configuration: of one field the later value, all else of both."""
    one, _done = recorded([step for step in first if step[0] == "write"])
    two, _done = recorded([step for step in second if step[0] == "write"])
    expected = Table(ROWS)
    expected.carry_out(one)
    expected.carry_out(two)
    table = Table(ROWS)
    table.carry_out(rules.joined(one, two))
    assert table.content() == expected.content()
    for item in rules.joined(one, two):
        assert not rules.differing(item, ROWS[item["id"]])


def test_new_rows_of_two_proposals_keep_apart():
    one, _done = recorded([("create", 0, {"a": 1})])
    two = [
        *recorded([("create", 0, {"a": 2})])[0],
        {"kind": "create", "model": "n", "id": None, "key": "new2", "values": {"m": [None, {"new": "new1"}]}},
    ]  # fmt: skip
    items = rules.joined(one, two)
    assert len({item["key"] for item in items}) == 3
    assert items[2]["values"]["m"][1] == {"new": items[1]["key"]}
    assert [item["model"] for item in rules.without(items, items[1])] == ["m"]


def test_a_deletion_takes_the_place_of_an_edit_and_the_other_way_round():
    edit, _done = recorded([("write", 0, {"a": 9})])
    gone, _done = recorded([("unlink", 0, {})])
    assert [i["kind"] for i in rules.joined(edit, gone)] == ["delete"]
    assert [i["kind"] for i in rules.joined(gone, edit)] == ["write"]


def test_the_digest_is_of_what_is_done_and_when():
    items, _done = recorded([("write", 0, {"a": 9}), ("create", 0, {})])
    other, _done = recorded([("write", 0, {"a": 8}), ("create", 0, {})])
    assert rules.seal(items) != rules.seal(other)
    assert rules.seal(items) != rules.seal(items[::-1])
    assert rules.seal(items) != rules.seal(items, "2026-03-01")
    assert rules.seal(items) == rules.seal([{**item, "name": "another"} for item in items])


def test_rows_that_come_back_refer_to_each_other():
    """A mapping and its lines were deleted: the lines come back under the mapping's new id."""
    items = [
        {"kind": "delete", "model": "line", "id": 5, "key": None, "values": {"mapping": [1, None]}},
        {"kind": "delete", "model": "mapping", "id": 1, "key": None, "values": {"n": [1, None]}},
    ]
    back = rules.reverse(items, lambda model, name: "mapping" if name == "mapping" else None)
    assert [(item["kind"], item["model"]) for item in back] == [
        ("create", "mapping"),
        ("create", "line"),
    ]
    assert rules.new(back[1]) == {"mapping": {"new": back[0]["key"]}}
    assert rules.new(back[0]) == {"n": 1}


def test_a_line_that_is_there_before_its_row_refers_to_it():
    recording = rules.Recording()
    (place,) = recording.begin("mapping", 1)
    (line,) = recording.begin("line", 1)
    recording.created(line, 7, {"mapping": recording.reference("mapping", 3)})
    recording.created(place, 3, {"entity": recording.reference("entity", 9)})
    mapping, line = recording.result()
    assert rules.new(line) == {"mapping": {"new": mapping["key"]}}
    assert rules.new(mapping) == {"entity": 9}
    assert mapping["key"] != line["key"]
