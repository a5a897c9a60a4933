from odoo import api, models
from odoo.fields import Command

from ...core.billing import exact, line_amount
from ...core.problem import Problem
from ...core.schedule import DAY, INTERVALS, ScheduleError, Share, add_months, instalments, spans


class HubHandlerOpportunitySchedule(models.AbstractModel):
    """Deals whose lines are billed by instalments, or each month, quarter or year.

    ``unit_price`` of a recurring line is that of one period: it is worth quantity × price × periods. A schedule or
    recurrence that is not complete starts nothing.
    """

    _inherit = "hub.handler.opportunity"

    _hub_signed = {"amount", "currency", "lines", "instalments"}

    @api.model
    def _line_total(self, line, step):
        total = super()._line_total(line, step)
        if self._is_recurring(line):
            return total * (line.get("billing_periods") or 0)
        return total

    @api.model
    def _is_recurring(self, line):
        return bool(line.get("billing_interval"))

    @api.model
    def _instalments_by_line(self, values):
        """``[instalments of each line]``, in the order of the lines; one that names no line is of the only fee.

        :raise Problem: when an instalment names a line that there is not, or none of several
        """
        lines = values.get("lines") or []
        fees = [
            place
            for place, line in enumerate(lines)
            if not self._is_recurring(line) and self._kind(self._product(line)) == "milestone"
        ]
        places = {line.get("external_id"): place for place, line in enumerate(lines)}
        found = [[] for _line in lines]
        for row in values.get("instalments") or []:
            name = row.get("line")
            place = places.get(name) if name else fees[0] if len(fees) == 1 else None
            if place is None:
                raise self._unfit(values, {}, "line", value=name or row.get("name") or "")
            found[place].append(row)
        return found

    @api.model
    def _unfit(self, values, line, why, **params):
        product = self._product(line)
        return Problem(
            "schedule_incomplete",
            kind="rule",
            name=values.get("name") or "",
            line=line.get("name") or product.display_name or "",
            why=why,
            currency=values.get("currency") or "",
            **{"value": "", "fee": "", **params},
        )

    @api.model
    def _check_lines(self, item, currency):
        values = item.values
        step = exact(currency.rounding)
        for line, rows in zip(values["lines"], self._instalments_by_line(values), strict=True):
            if self._is_recurring(line):
                self._check_recurring(values, line, rows)
            elif rows:
                self._check_instalments(values, line, rows, step)
        return super()._check_lines(item, currency)

    @api.model
    def _check_recurring(self, values, line, rows):
        if rows:
            raise self._unfit(values, line, "both")
        if self._kind(self._product(line)) != "milestone":
            raise self._unfit(values, line, "service")
        if line["billing_interval"] not in INTERVALS:
            raise self._unfit(values, line, "interval", value=line["billing_interval"])
        if (line.get("billed_in") or "advance") not in ("advance", "arrears"):
            raise self._unfit(values, line, "billed_in", value=line["billed_in"])
        if not 0 < (line.get("billing_periods") or 0) <= 600:
            raise self._unfit(values, line, "periods")
        if not self._first_day(values, line):
            raise self._unfit(values, line, "first_day")

    @api.model
    def _first_day(self, values, line):
        return line.get("billing_from") or values.get("start_date")

    @api.model
    def _check_instalments(self, values, line, rows, step):
        if self._kind(self._product(line)) != "milestone":
            raise self._unfit(values, line, "service")
        fee = line_amount(line["quantity"], line["unit_price"], step)
        try:
            parts = instalments(fee, self._shares(rows), step)
        except ScheduleError as error:
            raise self._unfit(
                values, line, "sum", value=str(error.planned), fee=str(error.fee)
            ) from error
        if any(part <= 0 for part in parts):
            raise self._unfit(values, line, "nothing")
        for row in rows:
            first, last = row.get("service_from"), row.get("service_to")
            if bool(first) != bool(last) or (first and last < first):
                raise self._unfit(values, line, "service_days", value=row.get("name") or "")

    @api.model
    def _shares(self, rows):
        return [
            Share(percent=exact(row["percent"]))
            if row.get("percent")
            else Share(amount=exact(row["amount"]))
            if row.get("amount")
            else Share()
            for row in self._by_day(rows)
        ]

    @api.model
    def _by_day(self, rows):
        return sorted(rows, key=lambda row: row["date"])

    @api.model
    def _contract_values(self, item, lead, currencies):
        result = super()._contract_values(item, lead, currencies)
        values = item.values
        for command, line, rows in zip(
            result["line_ids"], values["lines"], self._instalments_by_line(values), strict=True
        ):
            if self._is_recurring(line):
                command[2].update(self._recurring_values(values, line))
            elif rows:
                command[2].update(self._schedule_values(rows))
        return result

    @api.model
    def _recurring_values(self, values, line):
        first = self._first_day(values, line)
        months = INTERVALS[line["billing_interval"]] * line["billing_periods"]
        return {
            "kind": "recurring",
            "interval": line["billing_interval"],
            "aligned": "start",  # whole periods, so that they come to what the deal says
            "bill_when": line.get("billed_in") or "advance",
            "billed_from": first,
            "billed_to": add_months(first, months) - DAY,
        }

    @api.model
    def _schedule_values(self, rows):
        return {
            "kind": "schedule",
            "instalment_ids": [
                Command.create(
                    {
                        "date": row["date"],
                        "name": row["name"],
                        "percent": float(row.get("percent") or 0),
                        "fixed": 0.0 if row.get("percent") else float(row.get("amount") or 0),
                        "date_from": row.get("service_from"),
                        "date_to": row.get("service_to"),
                    }
                )
                for row in self._by_day(rows)
            ],
        }

    # --- a started deal -------------------------------------------------------------------------------

    @api.model
    def _check_started(self, item, contract, currency):
        result = super()._check_started(item, contract, currency)
        if "instalments" in item.changed and self._stage(item) == "won":
            theirs = sorted(
                (row["date"], row["name"]) for row in item.values.get("instalments") or []
            )
            rows = contract.line_ids.instalment_ids.filtered(lambda row: row.kind == "schedule")
            ours = sorted((row.date, row.name) for row in rows if not row.dropped)
            if theirs != ours:
                raise Problem("lines_changed_after_start", kind="conflict", **self._facts(contract))
        return result

    @api.model
    def _line_set(self, item):
        lines = item.values.get("lines") or []
        recurring = sorted(
            (
                self._product(line).id,
                line["billing_interval"],
                line.get("billing_periods") or 0,
                line.get("billed_in") or "advance",
            )
            for line in lines
            if self._is_recurring(line)
        )
        return super()._line_set(item), recurring

    @api.model
    def _contract_set(self, contract):
        recurring = sorted(
            (
                line.product_id.id,
                line.interval,
                len(list(spans(line.billed_from, line.billed_to, INTERVALS[line.interval], False))),
                line.bill_when,
            )
            for line in contract.line_ids
            if line.kind == "recurring" and line.billed_to
        )
        return super()._contract_set(contract), recurring
