"""Writing to another Odoo without doubling.

What we make there carries an external id that names our own record: it is made by the import (``load``), which
finds what has that id already and changes it instead. So a create whose answer was lost is repeated as it was,
and the user of the key needs no right on external ids. Values are then set by ``write``, which may be repeated.

A firm that both sides run a hub on must not meet its own records as strangers: the external id is also how the
other hub knows whose record it is (``models/flow/marker.py``).

Source: Odoo 19, ``orm/models.py`` (``load``, ``_load_records``, ``write``).
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from ..core import strict_json
from . import odoo_invoice
from .errors import ConnectorError
from .odoo_errors import refused
from .parts import Outcome, Write

OWN = "hub_record"  # part of a payload: the record of ours that it was made of
ENTITIES = ("customer", "project", "time_entry", "invoice")
# field -> the model that it points to, and that model's field in which our value is written
POINTERS = {"country_id": ("res.country", "code")}
_PARTS = ("customer", "tasks")
TIME_POINTS = frozenset({"project_id", "task_id", "employee_id"})
TIME_NEEDS = ("project_id", "employee_id", "date", "unit_amount")


def marker_module(address: str, database: str) -> str:
    """The first half of the external ids of what one hub makes elsewhere: its host and database."""
    host = urlsplit(address).netloc or address
    return "hub_" + re.sub(r"[^a-z0-9]+", "_", f"{host}_{database}".lower()).strip("_")


def marker_name(model: str, key: int | str) -> str:
    """The second half: our own record."""
    return f"{model.replace('.', '_')}_{key}"


class Writer:
    """Writes of one entity.

    :param odoo: the connector, of which ``rpc`` and ``rows`` are used.
    """

    def __init__(self, odoo, entity: str):
        self.odoo, self.entity = odoo, entity
        self.module = marker_module(
            str(odoo.settings.get("hub_url") or ""), str(odoo.settings.get("database") or "")
        )

    def run(self, write: Write) -> Outcome:
        """One write, whole; it may be repeated after any crash or lost answer."""
        outcome = Outcome(write.key, False, write.external_id)
        try:
            if self.entity not in ENTITIES or write.operation not in ("create", "update"):
                raise ConnectorError("data", "not_supported", params={"operation": write.operation})
            if write.operation == "update" and not str(write.external_id or "").isdecimal():
                raise ConnectorError("reference", "not_linked")
            getattr(self, f"_{self.entity}")(write, outcome)
            outcome.ok = True
        except ConnectorError as error:
            outcome.error = error
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            # our own values or the answer have another shape than this code knows
            params = {"error": type(error).__name__}
            outcome.error = ConnectorError("schema", "bad_shape", params=params)
        return outcome

    # -- entities -----------------------------------------------------------------------------

    def _customer(self, write: Write, outcome: Outcome) -> None:
        values = self._values(write.values)
        if write.external_id:
            self._set("res.partner", write.external_id, values)
            return
        found = self.one("res.partner", [("is_company", "=", True), ("vat", "=ilike", values["vat"])]) \
            if values.get("vat") else None  # fmt: skip
        if found is None:
            row = {"name": write.values["name"], "is_company": "1"}
            found = self.make("res.partner", write.record or write.key, row)
        outcome.external_id = str(found)
        self._set("res.partner", found, values)

    def _project(self, write: Write, outcome: Outcome) -> None:
        values = self._values(write.values)
        customer = write.values.get("customer")
        if customer:
            values["partner_id"] = partner = self.partner(customer)
            outcome.links[f"customer:{customer['key']}"] = str(partner)
        project: Any = write.external_id
        if not project:
            row = {"name": write.values["name"]}
            project = self.make("project.project", write.record or write.key, row)
            outcome.external_id = str(project)
        self._set("project.project", project, values)
        for task in write.values.get("tasks") or ():
            row = {"name": task["name"], "project_id/.id": str(project)}
            made = self.make("project.task", task["key"], row)
            outcome.links[f"task:{task['key']}"] = str(made)

    def _time_entry(self, write: Write, outcome: Outcome) -> None:
        """Hours of a person on a project, of whom each must be known there."""
        values = self._values(write.values)
        for name in TIME_POINTS & values.keys():
            values[name] = int(values[name]) if values[name] else False
        if "unit_amount" in values:
            values["unit_amount"] = strict_json.loads(str(values["unit_amount"] or 0).encode())
        if "name" in values:
            values["name"] = values["name"] or "/"
        if not write.external_id:
            # no hours (0) are hours, too
            missing = [n for n in TIME_NEEDS if values.get(n) is None or values[n] is False]
            if missing:
                raise ConnectorError("reference", "odoo_incomplete", params={"properties": missing})
            row = {
                "name": values.get("name") or "/",
                "date": values["date"],
                "unit_amount": str(values["unit_amount"]),
                "project_id/.id": str(values["project_id"]),
                "employee_id/.id": str(values["employee_id"]),
            }
            if values.get("task_id"):
                row["task_id/.id"] = str(values["task_id"])
            made = self.make("account.analytic.line", write.record or write.key, row)
            outcome.external_id = str(made)
            return
        self._set("account.analytic.line", write.external_id, values)

    def _invoice(self, write: Write, outcome: Outcome) -> None:
        odoo_invoice.Document(self, write, outcome).run()

    def partner(self, customer: dict) -> int:
        """A customer: the one that is linked, has that tax number or is the company of that name; else ours, made
        there."""
        if str(customer.get("id") or "").isdecimal():
            return int(customer["id"])
        for name, operator in (("vat", "=ilike"), ("name", "=")):
            if customer.get(name):
                found = self.one(
                    "res.partner", [("is_company", "=", True), (name, operator, customer[name])]
                )
                if found is not None:
                    return found
        row = {"name": customer["name"], "is_company": "1"}
        for name in ("vat", "email", "phone", "street", "street2", "zip", "city"):
            if customer.get(name):
                row[name] = str(customer[name])
        if customer.get("country"):
            country = self.one("res.country", [("code", "=", customer["country"])])
            row |= {"country_id/.id": str(country)} if country else {}
        return self.make("res.partner", customer["key"], row)

    # -- steps --------------------------------------------------------------------------------

    def _values(self, values: dict) -> dict:
        """What is set as it is: blank is ``false``, and codes become the records that they name."""
        result = {}
        for name, value in values.items():
            if name in _PARTS:
                continue
            if value in ("", None):
                value = False
            elif name in POINTERS:
                model, field = POINTERS[name]
                value = self.one(model, [(field, "=", value)])
                if value is None:
                    raise ConnectorError("data", "no_key", params={"field": name})
            result[name] = value
        return result

    def one(self, model: str, domain: list) -> int | None:
        """The record that fits; None if none does.

        :raise ConnectorError: kind ``identity``: several do.
        """
        rows = self.odoo.rows(model, domain, ["id"], 2)
        if len(rows) > 1:
            raise ConnectorError("identity", "ambiguous", params={"field": model})
        return rows[0]["id"] if rows else None

    def make(self, model: str, key: int | str, row: dict[str, str]) -> int:
        """Make a record, or find the one that an earlier try has made, and set ``row``."""
        row = {"id": f"{self.module}.{marker_name(model, key)}", **row}
        answer = self.odoo.rpc(
            model, "load", write=True, fields=list(row), data=[list(row.values())]
        )
        if not isinstance(answer, dict) or not {"ids", "messages"} <= answer.keys():
            raise ConnectorError("unknown", "answer_lost")
        if not answer["ids"]:
            message = next((one.get("message") for one in answer["messages"]), "")
            raise refused(message)
        return int(answer["ids"][0])

    def _set(self, model: str, key: Any, values: dict) -> None:
        if values:
            done = self.odoo.rpc(model, "write", write=True, ids=[int(key)], vals=values)
            if done is not True:
                raise ConnectorError("unknown", "answer_lost")
