"""HubSpot's batch routes: many records a call, and an answer that may be good in parts (207)."""

from __future__ import annotations

import uuid

from werkzeug.wrappers import Request, Response

from .base import Refusal
from .hubspot_store import TYPES, stamp


def error(message: str, category: str, **more) -> dict:
    """HubSpot's shape of an error."""
    return {
        "status": "error",
        "message": message,
        "correlationId": str(uuid.uuid4()),
        "category": category,
        **more,
    }


def true(text: str | None) -> bool:
    """A flag of a query; HubSpot's own libraries write ``True``."""
    return (text or "").lower() == "true"


class HubSpotBatches:
    """Mixin of the sandbox."""

    def _inputs(self, request: Request, most: int = 100) -> list[dict]:
        inputs = request.get_json().get("inputs")
        if not isinstance(inputs, list) or not inputs:
            raise Refusal(400, error("Invalid input JSON", "VALIDATION_ERROR"))
        if len(inputs) > most:
            raise Refusal(400, error(f"maximum of {most} inputs", "VALIDATION_ERROR"))
        return inputs

    def _batch(self, results: list, errors: list, status: int = 200):
        moment = stamp(self.now())
        body = {
            "status": "COMPLETE",
            "results": results,
            "startedAt": moment,
            "completedAt": moment,
        }
        if errors:
            return {**body, "numErrors": len(errors), "errors": errors}, 207
        return body, status

    def _missing(self, ids: list[str], context: dict | None = None) -> dict:
        return {
            "status": "error",
            "category": "OBJECT_NOT_FOUND",
            "message": "Could not get some objects. Check that ids are valid.",
            "context": {"ids": ids, **(context or {})},
        }

    def _batch_read(self, request: Request, kind: str):
        kind, body = self._kind(kind), request.get_json()
        archived = true(request.args.get("archived"))
        found: dict[str, dict] = {}
        missing = []
        for item in self._inputs(request):
            row = self._find(kind, str(item["id"]), archived)
            if row is None:
                missing.append(str(item["id"]))
            else:
                found[row["id"]] = self._view(row, body.get("properties") or ())
        return self._batch(list(found.values()), [self._missing(missing)] if missing else [])

    def _batch_update(self, request: Request, kind: str):
        kind, inputs = self._kind(kind, write=True), self._inputs(request)
        ids = [str(item["id"]) for item in inputs]
        if len(set(ids)) != len(ids):
            return error("Duplicate IDs found in batch input", "VALIDATION_ERROR"), 400
        for item in inputs:
            self._check_values(item.get("properties") or {})
        results, errors = [], []
        for item in inputs:
            trace = item.get("objectWriteTraceId")
            row = self._find(kind, str(item["id"]))
            if row is None:
                context = {"objectWriteTraceId": [trace]} if trace else {}
                errors.append(self._missing([str(item["id"])], context))
                continue
            row = self.store.update(kind, row["id"], item["properties"])
            view = self._view(row, item["properties"])
            results.append({**view, "objectWriteTraceId": trace} if trace else view)
        return self._batch(results, errors)

    def _batch_create(self, request: Request, kind: str):
        kind, inputs = self._kind(kind, write=True), self._inputs(request)
        for item in inputs:
            self._check_values(item.get("properties") or {})
        rows = [self.store.create(kind, item["properties"]) for item in inputs]
        return self._batch([self._view(row, row["properties"]) for row in rows], [], 201)

    def _batch_upsert(self, request: Request, kind: str):
        """Found by a property whose values are unique, or made; each input stands for itself."""
        kind, inputs = self._kind(kind, write=True), self._inputs(request)
        named = [(item.get("idProperty"), str(item.get("id"))) for item in inputs]
        if len(set(named)) != len(named):
            return error("Duplicate IDs found in batch input", "VALIDATION_ERROR"), 400
        for item in inputs:
            if item.get("idProperty") not in self.settings["unique_properties"]:
                message = f"{item.get('idProperty')} is not a unique property"
                return error(message, "VALIDATION_ERROR"), 400
            self._check_values(item.get("properties") or {})
        results = []
        for item in inputs:
            name, value = item["idProperty"], str(item["id"])
            rows = self.store.objects[kind].values()
            found = [r for r in rows if r["properties"].get(name) == value and not r["archived"]]
            values = {**item["properties"], name: value}
            row = (
                self.store.update(kind, found[0]["id"], values)
                if found
                else self.store.create(kind, values)
            )
            view = {**self._view(row, values), "new": not found}
            trace = item.get("objectWriteTraceId")
            results.append({**view, "objectWriteTraceId": trace} if trace else view)
        return self._batch(results, [])

    def _batch_archive(self, request: Request, kind: str):
        kind = self._kind(kind, write=True)
        for item in self._inputs(request):
            if self._find(kind, str(item["id"])):
                self.store.archive(kind, str(item["id"]))
        return Response(status=204)

    def _associations(self, request: Request, kind: str, other: str):
        kind = self._kind(kind)
        results, errors = [], []
        one, many = TYPES[kind][1], TYPES[other][1]
        for item in self._inputs(request, 1000):
            key, start = str(item["id"]), int(item.get("after") or 0)
            rows = self.store.associated(kind, key, other)
            page = rows[start : start + 500]
            if not page:
                errors.append(
                    {
                        "status": "error",
                        "category": "OBJECT_NOT_FOUND",
                        "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
                        "message": f"No {many} is associated with {one} {key}.",
                        "context": {"fromObjectId": [key]},
                    }
                )
                continue
            row: dict = {"from": {"id": key}, "to": page}
            if len(rows) > start + 500:
                row["paging"] = {"next": {"after": str(start + 500), "link": "?"}}
            results.append(row)
        return self._batch(results, errors)
