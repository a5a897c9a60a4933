"""Salesforce's writing routes: one record, and collections of up to 200 with a result each."""

from __future__ import annotations

from urllib.parse import unquote

from werkzeug.wrappers import Request, Response

from .base import Refusal
from .salesforce_store import NUMBERS, PREFIX


class SalesforceWrites:
    """Mixin of the sandbox."""

    def add_writes(self, data: str, name: str) -> None:
        key = r"(?P<key>\w{15,18})"
        self.route("PATCH", f"{data}/composite/sobjects/?", self._update_many)
        self.route(
            "PATCH", rf"{data}/composite/sobjects/{name}/(?P<field>\w+)/?", self._upsert_many
        )
        self.route("POST", f"{data}/sobjects/{name}/?", self._create_one)
        self.route("GET", f"{data}/sobjects/{name}/{key}", self._get_one)
        self.route("PATCH", f"{data}/sobjects/{name}/{key}", self._update_one)
        self.route("DELETE", f"{data}/sobjects/{name}/{key}", self._delete_one)
        external = r"(?P<field>\w+__c)/(?P<value>.+)"
        self.route("PATCH", f"{data}/sobjects/{name}/{external}", self._upsert_one)
        self.route("GET", f"{data}/sobjects/{name}/{external}", self._get_by_external)

    # -- collections ------------------------------------------------------------------------------

    def _records(self, request: Request) -> list[dict]:
        body = request.get_json(silent=True)
        records = body.get("records") if isinstance(body, dict) else None
        if not isinstance(records, list) or not all(isinstance(one, dict) for one in records):
            raise Refusal(400, _errors("JSON_PARSER_ERROR", "The body cannot be read"))
        if len(records) > 200:
            message = "The maximum number of records allowed is 200"
            raise Refusal(400, _errors("LIMIT_EXCEEDED", message))
        for record in records:
            self._parsed(record.get("attributes", {}).get("type"), record)
        return records

    def _parsed(self, name, record: dict) -> None:
        """What cannot be read at all refuses the whole call."""
        if name not in PREFIX:
            raise Refusal(400, _errors("INVALID_TYPE", f"sObject type '{name}' is not supported."))
        for field, value in record.items():
            if field in ("attributes", "id", "Id"):
                continue
            if field not in self.store.fields(name):
                message = f"No such column '{field}' on sobject of type {name}"
                raise Refusal(400, _errors("INVALID_FIELD", message))
            if field in NUMBERS and isinstance(value, str):
                message = f"Cannot deserialize instance of double from VALUE_STRING value {value}"
                raise Refusal(400, _errors("JSON_PARSER_ERROR", message))

    def _update_many(self, request: Request, version: str) -> list[dict]:
        results, seen = [], set()
        for record in self._records(request):
            name, values = record["attributes"]["type"], _values(record)
            key = str(record.get("id") or record.get("Id") or "")
            if key in seen:
                results.append(_failed("INVALID_FIELD", "Duplicate id in the specified list"))
                continue
            seen.add(key)
            results.append(self._update(name, key, values))
        return results

    def _upsert_many(self, request: Request, version: str, name: str, field: str) -> list[dict]:
        results = []
        for record in self._records(request):
            values = _values(record)
            if record["attributes"]["type"] != name:
                results.append(_failed("INVALID_TYPE", "Not of the type of the address"))
                continue
            results.append(self._upsert(name, field, str(values.pop(field, "")), values))
        return results

    def _update(self, name: str, key: str, values: dict) -> dict:
        row = self.store.rows[name].get(key)
        if row is None:
            return _failed("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
        if row.get("IsDeleted"):
            return _failed("ENTITY_IS_DELETED", "entity is deleted")
        problem = self.store.problem(name, values, creates=False)
        if problem:
            return {"success": False, "errors": [problem]}
        self.store.write(name, key, values)
        return {"id": key, "success": True, "errors": []}

    def _upsert(self, name: str, field: str, value: str, values: dict) -> dict:
        rows = self.store.rows[name].values()
        found = [row for row in rows if row.get(field) == value and not row.get("IsDeleted")]
        if len(found) > 1:
            return _failed("DUPLICATE_EXTERNAL_ID", f"{field}: more than one record found")
        if found:
            return {**self._update(name, found[0]["Id"], values), "created": False}
        problem = self.store.problem(name, values, creates=True)
        if problem:
            return {"success": False, "created": False, "errors": [problem]}
        row = self.store.create(name, {**values, field: value})
        return {"id": row["Id"], "success": True, "created": True, "errors": []}

    # -- one record ---------------------------------------------------------------------------------

    def _one(self, request: Request, name: str) -> dict:
        body = request.get_json(silent=True)
        if not isinstance(body, dict):
            raise Refusal(400, _errors("JSON_PARSER_ERROR", "The body cannot be read"))
        self._parsed(name, body)
        return body

    def _create_one(self, request: Request, version: str, name: str):
        values = self._one(request, name)
        problem = self.store.problem(name, values, creates=True)
        if problem:
            return _refused(problem)
        row = self.store.create(name, values)
        return {"id": row["Id"], "success": True, "errors": []}, 201

    def _get_one(self, request: Request, version: str, name: str, key: str):
        row = self.store.rows[name].get(key)
        if row is None or row.get("IsDeleted"):
            code = "ENTITY_IS_DELETED" if row else "NOT_FOUND"
            return _errors(code, "The requested resource does not exist"), 404
        return {"attributes": {"type": name}, **row}

    def _update_one(self, request: Request, version: str, name: str, key: str):
        result = self._update(name, key, self._one(request, name))
        return Response(status=204) if result["success"] else _refused(result["errors"][0])

    def _delete_one(self, request: Request, version: str, name: str, key: str):
        row = self.store.rows[name].get(key)
        if row is None or row.get("IsDeleted"):
            code = "ENTITY_IS_DELETED" if row else "NOT_FOUND"
            return _errors(code, "entity is deleted"), 404
        self.store.delete(name, key)
        return Response(status=204)

    def _upsert_one(self, request: Request, version: str, name: str, field: str, value: str):
        result = self._upsert(name, field, unquote(value), self._one(request, name))
        if not result["success"]:
            error = result["errors"][0]
            if error["statusCode"] == "DUPLICATE_EXTERNAL_ID":
                return [], 300
            return _refused(error)
        return result, 201 if result["created"] else 200

    def _get_by_external(self, request: Request, version: str, name: str, field: str, value: str):
        rows = self.store.rows[name].values()
        found = [row for row in rows if row.get(field) == unquote(value)]
        if len(found) != 1:
            return _errors("NOT_FOUND", "The requested resource does not exist"), 404
        return {"attributes": {"type": name}, **found[0]}


def _values(record: dict) -> dict:
    return {name: value for name, value in record.items() if name not in ("attributes", "id", "Id")}


def _failed(code: str, message: str, fields=()) -> dict:
    error = {"statusCode": code, "message": message, "fields": list(fields)}
    return {"success": False, "errors": [error]}


def _errors(code: str, message: str) -> list[dict]:
    return [{"message": message, "errorCode": code}]


def _refused(problem: dict):
    body = {"message": problem["message"], "errorCode": problem["statusCode"]}
    return [{**body, "fields": problem["fields"]}], 400
