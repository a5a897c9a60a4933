"""Which of several messages about one business record counts, and which have to wait.

Rules on plain data; rows are messages as dicts with ``id`` (order of arrival), ``order_key`` (the
record), ``kind`` (``event`` or a full record), ``version`` of the source (text that sorts, or None)
and ``decision`` of a person. The claim asks the same of messages that are not in its batch, in SQL.
"""

from typing import NamedTuple


class Chosen(NamedTuple):
    """What becomes of the rows of one batch.

    :param now: rows to apply, in the order of arrival: at most one for each record. Each says in
        ``instead_of`` which older full records of the batch it stands for.
    :param later: rows that wait until what comes before them is decided.
    """

    now: list
    later: list


def choose(rows: list[dict]) -> Chosen:
    """Take the first event of each record, or the newest of the full records before it. A record
    without a version stands alone.

    What comes after waits: an event may fail, and then it holds back its record until a person
    has decided.

    :param rows: in the order of arrival; ``blocked`` says that something earlier is open.
    """
    head: dict[int, dict] = {}
    closed, later = set(), []
    for row in rows:
        row["instead_of"] = []
        key = row["order_key"]
        former = head.get(key)
        if row["blocked"] or key in closed or (former and row["kind"] == "event"):
            closed.add(key)
            later.append(row)
        elif row["kind"] == "event":
            closed.add(key)
            head[key] = row
        elif former is None:
            head[key] = row
        elif not (row["version"] and former["version"]):
            # A row of a file has no version and may hold a few fields only: it stands for no other
            # record and no other for it. Each is applied in its turn.
            closed.add(key)
            later.append(row)
        else:
            newer, older = (row, former) if is_newer(row, former) else (former, row)
            # What a person decided about the record holds for its newer version too.
            newer["decision"] = newer["decision"] or older["decision"]
            newer["instead_of"] += [older, *older.pop("instead_of")]
            head[key] = newer
    return Chosen(sorted(head.values(), key=lambda row: row["id"]), later)


def is_newer(row: dict, other: dict) -> bool:
    """Whether a full record is newer than another one: by version, else by arrival; by arrival alone
    if one of them has no version."""
    if row["version"] and other["version"]:
        return (row["version"], row["id"]) >= (other["version"], other["id"])
    return row["id"] >= other["id"]


def is_stale(version: str | None, agreed: str | None) -> bool:
    """Whether a full record is older than what both sides agreed on."""
    return bool(version and agreed and version < agreed)


def alone(rows: list[dict], guilty: dict) -> list[dict]:
    """The batch in which a suspect stands alone: it, or what comes before it of its record."""
    return [next(row for row in rows if row["order_key"] == guilty["order_key"])]
