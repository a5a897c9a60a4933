"""A Change as plain data: what would be created, written and deleted in the configuration.

An item is ``{kind, model, id, key, values, elevated, …}``: ``kind`` create, write or delete; ``id`` of the
row, ``key`` of one that the Change itself creates (others refer to it as ``{"new": key}``); ``values``
``{field: [old, new]}``.
"""

from collections.abc import Callable, Iterable, Mapping

from .keys import digest

CREATE, WRITE, DELETE = "create", "write", "delete"
_BOUND = ("kind", "model", "id", "key", "values", "elevated")


def seal(items: Iterable[Mapping], *more: object) -> str:
    """The digest that an approval is bound to: what is done, in which order, and ``more`` (the time)."""
    return digest([[{name: item.get(name) for name in _BOUND} for item in items], *map(str, more)])


def old(item: Mapping) -> dict:
    """``{field: value}`` before."""
    return {name: pair[0] for name, pair in item["values"].items()}


def new(item: Mapping) -> dict:
    """``{field: value}`` after."""
    return {name: pair[1] for name, pair in item["values"].items()}


def differing(item: Mapping, now: Mapping | None) -> list[tuple[str, object, object]]:
    """What stands otherwise than the Change was made for.

    :param now: values of the row today; None if it is gone.
    :return: ``[(field, expected, found)]``; ``("", …)`` if the row itself is gone.
    """
    if item["kind"] == CREATE:
        return []
    if now is None:
        return [("", item["id"], None)]
    return [
        (name, value, now.get(name)) for name, value in old(item).items() if now.get(name) != value
    ]


def reverse(
    items: Iterable[Mapping], target: Callable[[str, str], str | None] = lambda _model, _field: None
) -> list[dict]:
    """The items that take these back, once they were carried out (created rows have their ``id``).

    :param target: the model that a field of a model refers to: rows that come back have other ids.
    """
    kinds = {CREATE: DELETE, DELETE: CREATE, WRITE: WRITE}
    items = list(items)
    made = {item["key"]: item["id"] for item in items if item["kind"] == CREATE}
    again = {
        (item["model"], item["id"]): f"back{number}"
        for number, item in enumerate(items)
        if item["kind"] == DELETE
    }
    result = []
    for item in reversed(items):
        kind = kinds[item["kind"]]
        values = {}
        for name, pair in item["values"].items():
            old, new = (_known(value, made) for value in pair)
            key = again.get((target(item["model"], name), old)) if isinstance(old, int) else None
            values[name] = [new, {"new": key} if key and kind == CREATE else old]
        result.append(
            {
                **item,
                "kind": kind,
                "id": None if kind == CREATE else item["id"],
                "key": again[item["model"], item["id"]] if kind == CREATE else None,
                "values": values,
            }
        )
    return result


def _known(value, made):
    """A reference to a row that was made, by its id."""
    return made[value["new"]] if is_new(value) and value["new"] in made else value


def is_new(value: object) -> bool:
    """Whether a value refers to a row that the Change itself creates."""
    return isinstance(value, dict) and value.keys() == {"new"}


def joined(items: Iterable[Mapping], more: Iterable[Mapping]) -> list[dict]:
    """Items of a draft with those of another proposal behind them; of one field the later value counts.

    :param more: made against what is in force today, as ``items`` were.
    """
    result = [dict(item) for item in items]
    names = _renamed(result, more)
    for item in more:
        item = {
            **item,
            "key": names.get(item["key"], item["key"]),
            "values": {
                name: [
                    {"new": names.get(value["new"], value["new"])} if is_new(value) else value
                    for value in pair
                ]
                for name, pair in item["values"].items()
            },
        }
        former = item["id"] and next(
            (f for f in result if (f["model"], f["id"]) == (item["model"], item["id"])), None
        )
        if former and item["kind"] == former["kind"] == WRITE:
            former["values"] = {
                name: [former["values"].get(name, pair)[0], pair[1]]
                for name, pair in {**former["values"], **item["values"]}.items()
            }
            former["values"] = {n: p for n, p in former["values"].items() if p[0] != p[1]}
            if not former["values"]:
                result.remove(former)
        else:
            if former:
                result.remove(former)  # deleted after it was changed, or the other way round
            result.append(item)
    return result


def _renamed(items, more):
    """New names for rows that ``more`` creates, where ``items`` use the same ones."""
    taken = {item["key"] for item in items}
    number, names = len(taken), {}
    for item in more:
        if item["key"] in taken:
            number += 1
            while f"new{number}" in taken:
                number += 1
            names[item["key"]] = f"new{number}"
            taken.add(f"new{number}")
    return names


def without(items: Iterable[Mapping], gone: Mapping) -> list[dict]:
    """Items without one; what refers to a row that it would have created goes with it."""
    dropped, result = {gone["key"]} - {None}, []
    for item in items:
        if item is gone:
            continue
        if any(is_new(v) and v["new"] in dropped for pair in item["values"].values() for v in pair):
            dropped |= {item["key"]} - {None}
            continue
        result.append(item)
    return result


class Recording:
    """Collects what one action does to the configuration, row by row."""

    def __init__(self):
        self.items = []
        self._keys = {}  # (model, id) of rows that were created meanwhile -> key
        self._at = {}  # (model, id) -> item

    def begin(self, model: str, number: int) -> list[dict]:
        """Places for rows that are about to be created: they come before what hangs on them."""
        items = []
        for _one in range(number):
            key = f"new{len(self._keys) + len(items) + 1}"
            items.append({"kind": CREATE, "model": model, "id": None, "key": key, "values": {}})
        self.items += items
        for item in items:
            self._keys[item["key"]] = item["key"]
        return items

    def created(self, item: dict, row_id: int, values: Mapping, **more):
        """The row of a place, with what it says."""
        self._keys[item["model"], row_id] = item["key"]
        self._at[item["model"], row_id] = item
        item["values"] = {name: [None, value] for name, value in values.items()}
        item |= more

    def reference(self, model: str, row_id: int) -> object:
        """How a value names a row, until :meth:`result` knows which rows were created: lines are there
        before the row that they belong to."""
        return {"row": [model, row_id]}

    def written(self, model: str, row_id: int, before: Mapping, after: Mapping, **more):
        """A row was written; what is as before is left out."""
        item = self._at.get((model, row_id))
        if item is None:
            item = {"kind": WRITE, "model": model, "id": row_id, "key": None, "values": {}} | more
            self._at[model, row_id] = item
            self.items.append(item)
        for name, value in after.items():
            former = item["values"].get(name, [before.get(name)])[0]
            if item["kind"] == CREATE or former != value:
                item["values"][name] = [former, value]
            else:
                item["values"].pop(name, None)

    def deleted(self, model: str, row_id: int, before: Mapping, **more):
        """A row was deleted."""
        former = self._at.pop((model, row_id), None)
        if former in self.items:
            self.items.remove(former)
        if former and former["kind"] == CREATE:
            return
        values = dict(before)
        if former:
            values |= old(former)
        self.items.append(
            {
                "kind": DELETE,
                "model": model,
                "id": row_id,
                "key": None,
                "values": {name: [value, None] for name, value in values.items()},
            }
            | more
        )

    def result(self) -> list[dict]:
        """The items, without those that change nothing; a row that is created is named by its key."""
        for item in self.items:
            item["values"] = {
                name: [self._settled(value) for value in pair]
                for name, pair in item["values"].items()
            }
        return [item for item in self.items if item["kind"] != WRITE or item["values"]]

    def _settled(self, value):
        if not (isinstance(value, dict) and value.keys() == {"row"}):
            return value
        model, row_id = value["row"]
        key = self._keys.get((model, row_id))
        return {"new": key} if key else row_id
