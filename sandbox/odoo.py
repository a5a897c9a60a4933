"""Another Odoo on this machine: the JSON-2 API of a database with contacts, projects, timesheets and invoices.

As in Odoo: blank is ``false``; a many2one is ``[id, name]``; times are UTC in whole seconds; an unknown field is
an error of the server (500); ``load`` makes or changes by external id and tells what is wrong in a 200; archived
records are hidden unless ``active_test`` is off. ``tests/test_odoo.py`` puts the same questions to Odoo itself.

Control plane (``/__sandbox__/``): ``POST rows`` ``{"<model>": [{...}]}`` seeds rows; ``GET state``: all rows.
"""

from __future__ import annotations

import copy
import json
from datetime import datetime

from .base import Refusal, Sandbox, answer, main

M2O, FLOAT, CHAR, BOOL, DATE = "many2one", "float", "char", "boolean", "date"
COMMON = {"id": "integer", "write_date": "datetime", "display_name": CHAR}
# model -> fields; of a many2one also where it leads
FIELDS: dict[str, dict[str, str]] = {
    "res.users": {"name": CHAR},
    "res.country": {"name": CHAR, "code": CHAR},
    "res.partner": {
        **dict.fromkeys(
            ("name", "vat", "email", "phone", "website", "street", "street2", "city", "zip", "lang",
             "function", "type", "country_code"), CHAR,
        ),
        "is_company": BOOL, "active": BOOL, "parent_id": M2O, "country_id": M2O, "state_id": M2O,
        "image_1920": "binary",
    },
    "hr.employee": {"name": CHAR, "work_email": CHAR, "active": BOOL},
    "project.project": {"name": CHAR, "partner_id": M2O, "date_start": DATE, "active": BOOL,
                        "description": "html"},
    "project.task": {"name": CHAR, "project_id": M2O, "date_deadline": "datetime", "active": BOOL},
    "account.analytic.line": {
        "name": CHAR, "date": DATE, "unit_amount": FLOAT, "project_id": M2O, "task_id": M2O,
        "employee_id": M2O,
    },
    "account.move": {
        "name": CHAR, "move_type": "selection", "state": "selection", "invoice_date": DATE,
        "invoice_date_due": DATE, "currency_id": M2O, "amount_untaxed": "monetary",
        "amount_total": "monetary", "amount_residual": "monetary", "payment_state": "selection",
    },
}  # fmt: skip
LEADS = {
    "parent_id": "res.partner", "partner_id": "res.partner", "country_id": "res.country",
    "project_id": "project.project", "task_id": "project.task", "employee_id": "hr.employee",
}  # fmt: skip
DEFAULTS = {
    "res.partner": {"is_company": False, "active": True, "type": "contact"},
    "hr.employee": {"active": True},
    "project.project": {"active": True},
    "project.task": {"active": True},
    "account.move": {"move_type": "out_invoice", "state": "posted", "payment_state": "not_paid"},
}
OPERATORS = {
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    "in": lambda a, b: a in b,
    "=ilike": lambda a, b: str(a or "").lower() == str(b).lower(),
}


def error(status: int, name: str, message: str) -> Refusal:
    """An error as JSON-2 tells it, with the traceback that nobody should keep."""
    body = {"name": name, "message": message, "arguments": [message], "context": {},
            "debug": f"Traceback (most recent call last): secret-in-a-traceback {message}"}  # fmt: skip
    return Refusal(status, body)


class OdooSandbox(Sandbox):
    """The API. Settings: ``api_key``, ``database``, ``no_read`` and ``no_write`` (models)."""

    name = "Odoo"
    limit = (50, 1.0)
    default_settings = {
        "api_key": "odoo-sandbox-key",
        "database": "other",
        "no_read": [],
        "no_write": [],
    }

    def __init__(self, **settings):
        super().__init__(**settings)
        self.route("POST", r"/json/2/(?P<model>[\w.]+)/(?P<method>\w+)", self._rpc)
        self.control("POST", "rows", lambda request: {"ids": self.seed(**request.get_json())})
        self.control("GET", "state", lambda request: self.data)

    def reset(self):
        super().reset()
        self.data: dict[str, dict[int, dict]] = {model: {} for model in FIELDS}
        self.markers: dict[str, tuple[str, int]] = {}
        self.seed(
            **{"res.users": [{"name": "Robot"}], "res.country": [{"name": "Belgium", "code": "BE"}]}
        )

    def seed(self, **rows) -> dict[str, list[int]]:
        """Put rows in, by model; ``write_date`` may be given."""
        return {model: [self.make(model, row) for row in given] for model, given in rows.items()}

    def make(self, model: str, values: dict) -> int:
        """A record; its id."""
        key = self.next_id()
        blank = {
            name: False for name, kind in FIELDS[model].items() if kind not in (FLOAT, "monetary")
        }
        zero = {name: 0.0 for name, kind in FIELDS[model].items() if kind in (FLOAT, "monetary")}
        row = {
            **blank,
            **zero,
            **DEFAULTS.get(model, {}),
            "write_date": self.now(),
            **values,
            "id": key,
        }
        self.data[model][key] = row
        return key

    def change(self, model: str, key: int, values: dict, at: datetime | None = None) -> None:
        """Change a record."""
        self.data[model][key].update(values, write_date=at or self.now())

    def authorize(self, request):
        if (
            request.headers.get("X-Odoo-Database", self.settings["database"])
            != self.settings["database"]
        ):
            raise Refusal(404, "<html>no such database</html>")
        if request.headers.get("Authorization") != f"bearer {self.settings['api_key']}":
            raise error(401, "werkzeug.exceptions.Unauthorized", "Invalid apikey")

    def token_error(self, kind):
        return answer(error(401, "werkzeug.exceptions.Unauthorized", "Invalid apikey").body, 401)

    def refuse_status(self, status):
        names = {400: "odoo.exceptions.UserError", 403: "odoo.exceptions.AccessError"}
        name = names.get(status, "builtins.Exception")
        return answer(error(status, name, "injected").body, status)

    # -- methods ------------------------------------------------------------------------------

    def _rpc(self, request, model, method):
        if model not in FIELDS:
            raise error(404, "werkzeug.exceptions.NotFound", f"the model {model!r} does not exist")
        handler = getattr(self, f"_do_{method}", None)
        if handler is None:
            raise error(404, "werkzeug.exceptions.NotFound", f"no method {method}")
        writes = method in ("load", "write")
        if model in self.settings["no_write" if writes else "no_read"] and method != "has_access":
            raise error(
                403, "odoo.exceptions.AccessError", f"You are not allowed to access {model}"
            )
        arguments = json.loads(request.get_data(cache=True) or b"{}")
        context = arguments.pop("context", {})
        return answer(handler(model, context, **arguments))

    def _do_context_get(self, model, context):
        return {"lang": "en_US", "tz": "UTC", "uid": next(iter(self.data["res.users"]))}

    def _do_has_access(self, model, context, operation):
        return model not in self.settings["no_read" if operation == "read" else "no_write"]

    def _do_fields_get(self, model, context, attributes=None):
        return {name: {"type": kind} for name, kind in {**COMMON, **FIELDS[model]}.items()}

    def _do_get_external_id(self, model, context, ids):
        names = {found: name for name, found in self.markers.items()}
        return {key: names.get((model, key), "") for key in ids}

    def _do_search_count(self, model, context, domain):
        return len(self._found(model, domain, context))

    def _do_search_read(self, model, context, domain, fields, order="id", limit=None):
        known = {**COMMON, **FIELDS[model]}
        for name in fields:
            if name not in known:
                raise error(500, "builtins.ValueError", f"Invalid field {name!r} on {model!r}")
        rows = sorted(self._found(model, domain, context), key=lambda row: row["id"])
        return [
            {"id": row["id"], **{name: self._told(name, row) for name in fields}}
            for row in rows[:limit]
        ]

    def _told(self, name, row):
        value = row.get(name, False)
        if name == "write_date":
            return value.strftime("%Y-%m-%d %H:%M:%S")
        if name == "country_code":
            return self.data["res.country"].get(row.get("country_id"), {}).get("code", False)
        if name in LEADS and value:
            return [value, self.data[LEADS[name]].get(value, {}).get("name", "")]
        return value

    def _found(self, model, domain, context):
        rows = self.data[model].values()
        named = any(leaf[0] == "active" for leaf in domain)
        if "active" in FIELDS[model] and context.get("active_test", True) and not named:
            rows = [row for row in rows if row["active"]]
        return [row for row in rows if all(self._fits(row, *leaf) for leaf in domain)]

    def _fits(self, row, name, operator, wanted):
        first, _dot, rest = name.partition(".")
        if rest:
            below = self.data[LEADS[first]].get(row.get(first))
            return below is not None and self._fits(below, rest, operator, wanted)
        if first not in row:
            raise error(500, "builtins.ValueError", f"Invalid field {first!r} in condition")
        value = row[first]
        if first == "write_date":
            wanted = datetime.fromisoformat(wanted).replace(tzinfo=value.tzinfo)
        if operator in (">", ">=", "<", "<=") and value is False:
            return False
        return OPERATORS[operator](value, wanted)

    def _do_load(self, model, context, fields, data):
        before = copy.deepcopy((self.data, self.markers))
        ids = []
        for number, cells in enumerate(data):
            row = dict(zip(fields, cells, strict=True))
            xid, values = row.pop("id"), {}
            for name, text in row.items():
                plain, _slash, by_id = name.partition("/")
                kind = FIELDS[model].get(plain)
                kinds = {BOOL: lambda text: text == "1", FLOAT: float}
                values[plain] = int(text) if by_id else kinds.get(kind, str)(text)
            if not values.get("name"):
                self.data, self.markers = before
                return {"ids": False, "messages": [
                    {"type": "error", "record": number, "message": "Missing required value: Name"}
                ], "nextrow": 0}  # fmt: skip
            if xid in self.markers:
                self.change(*self.markers[xid], values)
            else:
                self.markers[xid] = (model, self.make(model, values))
            ids.append(self.markers[xid][1])
        return {"ids": ids, "messages": [], "nextrow": 0}

    def _do_write(self, model, context, ids, vals):
        for key in ids:
            if key not in self.data[model]:
                raise error(
                    404,
                    "odoo.exceptions.MissingError",
                    "Record does not exist or has been deleted.",
                )
            for name in vals:
                if name not in FIELDS[model]:
                    raise error(500, "builtins.ValueError", f"Invalid field {name!r} in {model!r}")
            if vals.get("name") is False:
                raise error(422, "odoo.exceptions.ValidationError", "Missing required value: Name")
            self.change(model, key, vals)
        return True


if __name__ == "__main__":
    main(OdooSandbox(), 9006)
