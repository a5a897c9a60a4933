from collections import defaultdict

from odoo import api, models

from ...core.dunning import Level, Sent, next_level


class HubDunningReminder(models.Model):
    """Which reminders are due: worked out for a proposal, and again at the moment of sending."""

    _inherit = "hub.dunning.reminder"

    @api.model
    def _due(self, company, today, partners=None):
        """What customers of a company are to be reminded of today. Three queries, however many they are.

        :param partners: commercial partners; None: all
        :return: ``{(partner id, kind): (level, [values of an item])}``. A mail lists everything that is overdue and not
            held, and what is not applied; a call what it is about. What credits of the same currency cover is not
            reminded of.
        """
        levels = {
            level.id: level
            for level in self.env["hub.dunning.level"].search([("company_id", "=", company.id)])
        }
        if not levels:
            return {}
        overdue, loose = self._open_items(company, partners)
        sent = self._sent([key[0] for items in overdue.values() for key in items])
        plain = [Level(one.id, one.days, one.days_between) for one in levels.values()]
        result = {}
        for partner_id, items in overdue.items():
            self._drop_covered(items, loose[partner_id])
            by_kind = defaultdict(set)
            for key, item in items.items():
                level = next_level(plain, item["days"], sent[key], today)
                if level:
                    item["level_id"] = level.id
                    by_kind[levels[level.id].kind].add(key)
            for kind, keys in by_kind.items():
                highest = max(
                    (items[key]["level_id"] for key in keys), key=lambda i: levels[i].days
                )
                listed = [
                    item if key in keys else {**item, "level_id": False}
                    for key, item in items.items()
                    if kind == "mail" or key in keys
                ]
                currencies = {item["currency_id"] for item in listed}
                if kind == "mail":
                    listed += [i for i in loose[partner_id] if i["currency_id"] in currencies]
                result[partner_id, kind] = (levels[highest], listed)
        return result

    def _open_items(self, company, partners):
        """What is overdue and neither in dispute, promised nor about to be paid, and what is not applied.

        :return: ``{partner id: {(document id, due): item}}``, ``{partner id: [item]}``
        """
        domain = [
            ("company_id", "=", company.id),
            ("partner_id", "in", partners.ids) if partners else ("partner_id", "!=", False),
            "|",
            ("kind", "=", "credit"),
            "|",
            ("age", ">", 0),
            "&",
            ("kind", "=", "other"),
            ("age", "=", 0),
        ]
        names = ["partner_id", "move_id", "kind", "due", "age", "residual", "currency_id"]
        names += ["company_residual", "blocked", "promised_until"]
        overdue, loose = defaultdict(dict), defaultdict(list)
        for row in self.env["hub.receivable"].search_fetch(domain, names):
            item = {
                "move_id": row.move_id.id,
                "due": row.due,
                "days": 0 if row.kind == "credit" else max(row.age, 0),
                "level_id": False,
                "amount": row.residual,
                "currency_id": row.currency_id.id,
                "company_amount": row.company_residual,
            }
            if row.kind != "invoice":
                loose[row.partner_id.id].append(item)
            elif not (row.blocked or row.promised_until or row.under_way):
                same = overdue[row.partner_id.id].setdefault((row.move_id.id, row.due), item)
                if same is not item:  # parts of one day
                    same["amount"] = row.currency_id.round(same["amount"] + item["amount"])
                    same["company_amount"] = company.currency_id.round(
                        same["company_amount"] + item["company_amount"]
                    )
        return overdue, loose

    def _sent(self, move_ids):
        """What was sent for these documents: ``{(document id, due): [Sent]}``."""
        result = defaultdict(list)
        for item in self.env["hub.dunning.item"].search_fetch(
            [("move_id", "in", move_ids), ("sent_on", "!=", False), ("level_id", "!=", False)],
            ["move_id", "due", "level_id", "level_days", "sent_on"],
        ):
            result[item.move_id.id, item.due].append(
                Sent(item.level_id.id, item.level_days, item.sent_on)
            )
        return result

    def _drop_covered(self, items, loose):
        """Leave out what credits and payments of the same currency cover, as soon as somebody applies them."""
        left = defaultdict(float)
        for item in [*items.values(), *loose]:
            left[item["currency_id"]] += item["amount"]
        currencies = self.env["res.currency"].browse(left)
        covered = {c.id for c in currencies if c.compare_amounts(left[c.id], 0) <= 0}
        for key in [key for key, item in items.items() if item["currency_id"] in covered]:
            del items[key]
