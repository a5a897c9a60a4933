"""Clockify's reports: whole workspaces, filtered by approval, in the zone that is asked for."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from werkzeug.wrappers import Request

from .clockify_store import Store, invalid, moment


class Reports:
    """The part of the sandbox below ``/report/v1``."""

    store: Store
    settings: dict

    def _window(self, body: dict) -> tuple[datetime, datetime, ZoneInfo]:
        zone = ZoneInfo(body.get("timeZone") or self.settings["zone"])
        first, last = (
            datetime.fromisoformat(body[name].rstrip("Z")).replace(tzinfo=zone)
            for name in ("dateRangeStart", "dateRangeEnd")
        )
        if last - first > timedelta(days=self.settings["report_days"]):
            raise invalid("Date range is longer than your plan allows")
        return first, last, zone

    def _wanted(self, body: dict, row: dict) -> bool:
        state = body.get("approvalState", "ALL")
        users = (body.get("users") or {}).get("ids")
        return (state == "ALL" or self.store.approved(row) == (state == "APPROVED")) and (
            not users or row["userId"] in users
        )

    def _detailed(self, request: Request, space: str) -> dict:
        body = request.get_json()
        first, last, zone = self._window(body)
        rows = [
            row
            for row in list(self.store.rows["time_entries"].values())
            if first <= row["at"] <= last and row["end"] and self._wanted(body, row)
        ]
        rows.sort(key=lambda row: row["id"])
        paging = body["detailedFilter"]
        if not 1 <= paging["pageSize"] <= 1000:
            raise invalid("pageSize must be between 1 and 1000")
        start = (paging["page"] - 1) * paging["pageSize"]
        part = rows[start : start + paging["pageSize"]]
        totals = {
            "_id": "",
            "entriesCount": len(rows),
            "totalTime": sum(r["seconds"] for r in rows),
        }
        return {
            "totals": [totals if rows else None],
            "timeentries": [self._reported(row, zone) for row in part],
        }

    def _reported(self, row: dict, zone: ZoneInfo) -> dict:
        rows = self.store.rows
        who = rows["users"].get(row["userId"], {})
        project = rows["projects"].get(row["projectId"] or "", {})
        client = rows["clients"].get(project.get("clientId") or "", {})
        task = rows["tasks"].get(row["taskId"] or "", {})
        return {
            "_id": row["id"],
            "description": row["description"],
            "userId": row["userId"],
            "userName": who.get("name"),
            "userEmail": who.get("email"),
            "billable": row["billable"],
            "projectId": row["projectId"],
            "projectName": project.get("name"),
            "clientId": client.get("id"),
            "clientName": client.get("name"),
            "taskId": row["taskId"],
            "taskName": task.get("name"),
            "approvalRequestId": row["approvalRequestId"],
            "isLocked": self.store.approved(row),
            "type": row["type"],
            "tags": [],
            "timeInterval": {
                "start": row["at"].astimezone(zone).isoformat(),
                "end": moment(row["end"]).astimezone(zone).isoformat(),
                "duration": row["seconds"],
            },
        }

    def _expense_report(self, request: Request, space: str) -> dict:
        body = request.get_json()
        first, last, _zone = self._window(body)
        days = first.date().isoformat(), last.date().isoformat()
        rows = [
            row
            for row in self.store.rows["expenses"].values()
            if days[0] <= row["date"] <= days[1] and self._wanted(body, row)
        ]
        rows.sort(key=lambda row: row["id"])
        start = (body["page"] - 1) * body["pageSize"]
        part = rows[start : start + body["pageSize"]]
        return {
            "expenses": [
                {"id": row["id"], "approvalRequestId": row["approvalRequestId"]} for row in part
            ],
            "totals": {"expensesCount": len(rows)},
        }
