"""The control plane of the HubSpot sandbox, under ``/__sandbox__/``.

``POST objects`` ``{"objects": [{"type": "deals", "id"?, "properties": {}, "at"?: iso, "companies"?:
[id], "contacts"?: [id], "line_items"?: [id or {properties}]}], "owners"?: [{"id", "email",
"firstName", "lastName", "archived"?}], "pipelines"?: [...], "quiet"?: true}`` seeds. ``POST
update`` ``{"type", "id", "properties", "at"?}``; ``POST associate`` ``{"type", "id", "other",
"other_id", "primary"?, "remove"?}``; ``POST merge`` ``{"type", "primary", "loser", "new_id"?}``;
``POST archive`` ``{"type", "id", "restore"?}``; ``GET state`` gives all objects. ``deliver``,
``faults``, ``journal``, ``clock``, ``settings``, ``reset`` and ``health`` are those of every
sandbox.
"""

from __future__ import annotations


class HubSpotControl:
    """Mixin of the sandbox."""

    def add_controls(self) -> None:
        self.control("POST", "objects", self._control_objects)
        self.control("POST", "update", self._control_update)
        self.control("POST", "associate", self._control_associate)
        self.control("POST", "merge", self._control_merge)
        self.control("POST", "archive", self._control_archive)
        self.control("GET", "state", lambda request: {"objects": self.store.objects})

    def _control_objects(self, request) -> dict:
        with self.lock:
            return self.seed(**request.get_json())

    def seed(self, objects=(), owners=(), pipelines=None, quiet=True) -> dict:
        """Add objects, owners and pipelines; answers the ids of the objects, in order."""
        store, ids = self.store, []
        if pipelines is not None:
            store.pipelines = pipelines
        for owner in owners:
            moment = "2026-01-05T09:00:00.000Z"
            row = {"type": "PERSON", "archived": False, "createdAt": moment, "updatedAt": moment}
            row.update(owner, id=str(owner["id"]), userId=int(owner["id"]) + 70000, teams=[])
            store.owners[row["id"]] = row
        for item in objects:
            kind, at = item["type"], item.get("at")
            values = item.get("properties") or {}
            row = store.create(kind, values, id=item.get("id"), at=at, quiet=quiet)
            ids.append(row["id"])
            for other in ("companies", "contacts", "line_items"):
                for index, value in enumerate(item.get(other) or ()):
                    if isinstance(value, dict):
                        value = store.create(
                            other, value.get("properties", value), at=at, quiet=quiet
                        )
                        value = value["id"]
                    primary = other == "companies" and index == 0
                    store.associate(
                        kind, row["id"], other, str(value), primary=primary, quiet=quiet
                    )
        return {"ids": ids}

    def _control_update(self, request) -> dict:
        body = request.get_json()
        with self.lock:
            return self.store.update(
                body["type"], str(body["id"]), body["properties"], at=body.get("at")
            )

    def _control_associate(self, request) -> dict:
        body = request.get_json()
        with self.lock:
            self.store.associate(
                body["type"],
                str(body["id"]),
                body["other"],
                str(body["other_id"]),
                primary=body.get("primary", False),
                remove=body.get("remove", False),
            )
        return {"ok": True}

    def _control_merge(self, request) -> dict:
        body = request.get_json()
        with self.lock:
            return self.store.merge(
                body["type"],
                str(body["primary"]),
                str(body["loser"]),
                new_id=body.get("new_id", True),
            )

    def _control_archive(self, request) -> dict:
        body = request.get_json()
        with self.lock:
            self.store.archive(body["type"], str(body["id"]), restore=body.get("restore", False))
        return {"ok": True}
