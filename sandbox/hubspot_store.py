"""What a HubSpot portal holds: objects, associations, owners, pipelines."""

from __future__ import annotations

from datetime import datetime, timezone

TYPES = {
    "companies": ("0-2", "company"),
    "contacts": ("0-1", "contact"),
    "deals": ("0-3", "deal"),
    "line_items": ("0-8", "line_item"),
    "products": ("0-7", "product"),
}
# (from, to) -> (type id of the default association, type id of the primary one)
ASSOCIATION_TYPES = {
    ("deals", "companies"): (341, 5),
    ("companies", "deals"): (342, 6),
    ("contacts", "companies"): (279, 1),
    ("companies", "contacts"): (280, 2),
    ("deals", "contacts"): (3, None),
    ("contacts", "deals"): (4, None),
    ("deals", "line_items"): (19, None),
    ("line_items", "deals"): (20, None),
}


def _pipeline(key: str, label: str, order: int, stages: tuple) -> dict:
    """A pipeline; a stage is (id, label, probability), and "0.0" and "1.0" close a deal."""
    return {
        "id": key,
        "label": label,
        "displayOrder": order,
        "archived": False,
        "stages": [
            {
                "id": stage,
                "label": name,
                "displayOrder": index,
                "archived": False,
                "metadata": {
                    "isClosed": "true" if chance in ("0.0", "1.0") else "false",
                    "probability": chance,
                },
            }
            for index, (stage, name, chance) in enumerate(stages)
        ],
    }


PIPELINES = [
    _pipeline(
        "default",
        "Sales Pipeline",
        0,
        (
            ("appointmentscheduled", "Appointment scheduled", "0.2"),
            ("contractsent", "Contract sent", "0.9"),
            ("closedwon", "Closed won", "1.0"),
            ("closedlost", "Closed lost", "0.0"),
        ),
    ),
    _pipeline(
        "7712",
        "Services",
        1,
        (("771201", "Scoping", "0.4"), ("771202", "Signed", "1.0"), ("771203", "Declined", "0.0")),
    ),
]
# numbers are checked, as HubSpot does; everything else is text
NUMBERS = {"amount", "price", "quantity", "discount", "hs_discount_percentage"}
READ_ONLY = {"hs_object_id", "hs_lastmodifieddate", "createdate", "hs_is_closed_won"}


def stamp(moment: datetime) -> str:
    """HubSpot's text of a time: UTC with milliseconds."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def modified_name(kind: str) -> str:
    return "lastmodifieddate" if kind == "contacts" else "hs_lastmodifieddate"


class Store:
    """A portal's data. ``now`` gives the time of a change; ``event`` is told of each."""

    def __init__(self, now, next_id, event):
        self.now, self.next_id, self.event = now, next_id, event
        self.objects: dict[str, dict[str, dict]] = {kind: {} for kind in TYPES}
        self.links: dict[tuple[str, str], dict[str, dict[str, bool]]] = {}
        self.merged: dict[tuple[str, str], str] = {}
        self.owners: dict[str, dict] = {}
        self.pipelines = [dict(pipeline) for pipeline in PIPELINES]

    def create(self, kind: str, properties: dict, *, id=None, at=None, quiet=False) -> dict:
        """Make an object; ``at`` fixes its time of change."""
        moment = at or stamp(self.now())
        key = str(id or self.next_id(1000))
        row = {
            "id": key,
            "properties": {},
            "createdAt": moment,
            "updatedAt": moment,
            "archived": False,
        }
        self.objects[kind][key] = row
        row["properties"].update(hs_object_id=key, createdate=moment)
        self._write(kind, row, properties, moment)
        if not quiet:
            self.event(kind, "creation", {"objectId": int(key), "changeFlag": "NEW"})
        return row

    def update(self, kind: str, key: str, properties: dict, *, at=None, quiet=False) -> dict:
        """Change properties; each becomes an event of its own."""
        row = self.objects[kind][key]
        self._write(kind, row, properties, at or stamp(self.now()))
        for name, value in properties.items():
            if not quiet:
                details = {"objectId": int(key), "propertyName": name, "propertyValue": value}
                self.event(kind, "propertyChange", details)
        return row

    def _write(self, kind: str, row: dict, properties: dict, moment: str) -> None:
        values = {name: None if v is None else str(v) for name, v in properties.items()}
        row["properties"].update(values)
        row["properties"][modified_name(kind)] = row["updatedAt"] = moment
        if kind == "deals":
            stage = self.stage(row["properties"])
            won = stage["isClosed"] == "true" and float(stage["probability"]) == 1
            row["properties"]["hs_is_closed"] = stage["isClosed"]
            row["properties"]["hs_is_closed_won"] = "true" if won else "false"

    def stage(self, properties: dict) -> dict:
        for pipeline in self.pipelines:
            for stage in pipeline["stages"]:
                if (pipeline["id"], stage["id"]) == (
                    properties.get("pipeline"),
                    properties.get("dealstage"),
                ):
                    return stage["metadata"]
        return {"isClosed": "false", "probability": "0"}

    def problems(self, properties: dict) -> list[dict]:
        """What HubSpot would say against these values."""
        found = []
        for name, value in properties.items():
            if name.startswith("no_such"):
                message, code = f'Property "{name}" does not exist', "PROPERTY_DOESNT_EXIST"
            elif name in READ_ONLY:
                message, code = f'"{name}" is a read only property', "READ_ONLY_VALUE"
            elif name in NUMBERS and value not in (None, "") and not _is_number(value):
                message, code = f"{value} was not a valid number.", "INVALID_LONG"
            else:
                continue
            found.append({"message": message, "code": code, "context": {"propertyName": [name]}})
        return found

    def associate(self, kind, key, other, other_key, *, primary=False, remove=False, quiet=False):
        """Link two objects, in both directions."""
        for a, x, b, y in ((kind, key, other, other_key), (other, other_key, kind, key)):
            found = self.links.setdefault((a, b), {}).setdefault(x, {})
            if remove:
                found.pop(y, None)
            else:
                found[y] = primary or found.get(y, False)
        if not quiet:
            left, right = TYPES[kind][1].upper(), TYPES[other][1].upper()
            details = {
                "fromObjectId": int(key),
                "toObjectId": int(other_key),
                "associationType": f"{left}_TO_{right}",
                "associationRemoved": remove,
                "isPrimaryAssociation": primary,
            }
            self.event(kind, "associationChange", details)

    def associated(self, kind: str, key: str, other: str) -> list[dict]:
        """The v4 rows of an object's associations."""
        default, primary_type = ASSOCIATION_TYPES.get((kind, other), (0, None))
        rows = []
        for other_key, primary in sorted(self.links.get((kind, other), {}).get(key, {}).items()):
            types = [{"category": "HUBSPOT_DEFINED", "typeId": default, "label": None}]
            if primary and primary_type:
                label = {"category": "HUBSPOT_DEFINED", "typeId": primary_type, "label": "Primary"}
                types.insert(0, label)
            rows.append({"toObjectId": other_key, "associationTypes": types})
        return rows

    def archive(self, kind: str, key: str, *, restore=False, quiet=False) -> None:
        """Put an object in the bin, or take it out."""
        row = self.objects[kind][key]
        row["archived"] = not restore
        row["updatedAt"] = stamp(self.now())
        if restore:
            row.pop("archivedAt", None)
        else:
            row["archivedAt"] = row["updatedAt"]
        if not quiet:
            self.event(kind, "restore" if restore else "deletion", {"objectId": int(key)})

    def merge(self, kind: str, primary: str, loser: str, *, new_id: bool) -> dict:
        """Merge two objects. With ``new_id`` the survivor is a third id, as for newer merges."""
        first, second = self.objects[kind][primary], self.objects[kind][loser]
        values = {**second["properties"], **_given(first["properties"])}
        if new_id:
            survivor = self.create(kind, _plain(values), quiet=True)
            gone = [primary, loser]
        else:
            survivor = self.update(kind, primary, _plain(values), quiet=True)
            gone = [loser]
        old = survivor["properties"].get("hs_merged_object_ids") or ""
        ids = [part for part in old.split(";") if part] + gone
        survivor["properties"]["hs_merged_object_ids"] = ";".join(dict.fromkeys(ids))
        for key in gone:
            del self.objects[kind][key]
            self.merged[kind, key] = survivor["id"]
            for (a, b), found in list(self.links.items()):
                if a == kind:
                    for other_key, is_primary in found.pop(key, {}).items():
                        self.links[b, a].get(other_key, {}).pop(key, None)
                        self.associate(
                            kind, survivor["id"], b, other_key, primary=is_primary, quiet=True
                        )
        for name, value in self.merged.items():
            if value in gone and name[0] == kind:
                self.merged[name] = survivor["id"]
        self.event(
            kind,
            "merge",
            {
                "primaryObjectId": int(primary),
                "mergedObjectIds": [int(primary), int(loser)] if new_id else [int(loser)],
                "newObjectId": int(survivor["id"]),
                "numberOfPropertiesMoved": len(values),
            },
        )
        return survivor


def _given(properties: dict) -> dict:
    return {name: value for name, value in properties.items() if value not in (None, "")}


def _plain(properties: dict) -> dict:
    skip = READ_ONLY | {"lastmodifieddate", "hs_is_closed"}
    return {name: value for name, value in properties.items() if name not in skip}


def _is_number(value) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True
