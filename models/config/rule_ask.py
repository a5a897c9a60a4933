import ast

from odoo import models
from odoo.exceptions import ValidationError
from odoo.fields import Domain

# Models of the hub whose records may be counted; of Odoo's, those that messages may write.
COUNTABLE = ("hub.contract", "hub.credit.hold")
MOST_OTHERS = 1000
MOST_HOPS = 3


class HubRule(models.Model):
    """Rules that ask Odoo: how many other records there are, and whether the one it leads to is complete.

    Odoo is asked with the rights of the system's technical user, never more.
    """

    _inherit = "hub.rule"

    # -- what can be asked -------------------------------------------------------------------------

    def _check_others(self):
        """Records are counted with the technical user's rights; what can be asked is checked here."""
        name = self.model_name
        if self.direction != "in":
            raise ValidationError(
                self.env._("%s: other records are counted before one comes into Odoo.", self.name)
            )
        if not name or (name not in COUNTABLE and self.env["hub.binding"]._refuse_model(name)):
            raise ValidationError(
                self.env._("%s: records of this model are not counted by rules.", self.name)
            )
        if not 0 <= self.most_others <= MOST_OTHERS:
            raise ValidationError(
                self.env._("%s: between 0 and 1,000 others can be allowed.", self.name)
            )
        model = self.env[name]
        for path in filter(None, (self.match_field, self.own_field)):
            field = model._fields.get(path)
            if field is None or not field.store or field.groups or field.type.endswith("2many"):
                raise ValidationError(
                    self.env._(
                        "%(rule)s: %(field)s cannot be compared; choose a stored field of %(model)s.",
                        rule=self.name,
                        field=path,
                        model=name,
                    )
                )
        if not self.match_field:
            raise ValidationError(
                self.env._("%s: say which field of those records holds the same.", self.name)
            )
        try:
            domain = self._counted_domain()
            if any(
                model._fields[c.field_expr.split(".")[0]].groups for c in domain.iter_conditions()
            ):
                raise ValueError
            domain.validate(model)
        except (ValueError, SyntaxError, TypeError, KeyError, MemoryError, RecursionError) as error:
            raise ValidationError(
                self.env._("%s: which records are counted cannot be read.", self.name)
            ) from error

    def _counted_domain(self):
        text = (self.model_domain or "[]").strip()
        if len(text) > 1000:
            raise ValueError("too long")
        # A literal: nothing of it is evaluated.
        return Domain(ast.literal_eval(text))

    def _check_points(self):
        """Only fields that a payload could be sent with are looked at."""
        if self.direction != "in":
            raise ValidationError(
                self.env._("%s: records are looked at before one comes into Odoo.", self.name)
            )
        model = self._pointed_model()
        if not model or not self._paths():
            raise ValidationError(
                self.env._(
                    "%s: choose a field that leads to a record of Odoo, and say what makes it complete.",
                    self.name,
                )
            )
        for path in (path for paths in self._paths() for path in paths):
            if reason := self._refuse_path(model, path):
                raise ValidationError(
                    self.env._("%(rule)s: %(reason)s", rule=self.name, reason=reason)
                )

    def _refuse_path(self, model, path):
        names = path.split(".")
        if len(names) > MOST_HOPS:
            return self.env._("%s leads too far.", path)
        for place, name in enumerate(names):
            field = self.env[model]._fields.get(name)
            if field is None:
                return self.env._("%(model)s has no field %(field)s.", model=model, field=name)
            if reason := self.env["hub.binding"]._refuse_read(model, name):
                return reason
            if place < len(names) - 1:
                if field.type != "many2one":
                    return self.env._("%s leads to no single record.", name)
                model = field.comodel_name
        return None

    def _pointed_model(self):
        """The Odoo model that the rule's field leads to, or nothing."""
        kind, _sep, code = (self.field_id.kind or "").partition(":")
        if kind == "ref":
            return self.env["hub.entity"].search([("code", "=", code)]).model_name
        if kind == "term":
            return self.env["hub.vocabulary"].search([("code", "=", code)]).model_id.model
        return None

    def _paths(self):
        """``[[path, one that does as well, …], …]``"""
        parts = (self.needed or "").split(",")
        return [[p.strip() for p in part.split("|") if p.strip()] for part in parts if part.strip()]

    # -- asking ------------------------------------------------------------------------------------

    def _ask_odoo(self, env, plain, items):
        """What Odoo says of ``items``.

        :param env: of the system's technical user in the records' company, whose rights hold.
        :param plain: this rule as ``core.rule.Rule``.
        :return: ``{message id: answer}``, see ``core.rule.Check.judge``.
        """
        if self.test == "points":
            return self._what_is_missing(env, plain, items)
        wanted = [
            (item.message_id, _odoo_id(item.values.get(plain.field)), item.res_id) for item in items
        ]
        wanted = [row for row in wanted if row[1]]
        if not wanted:
            return {}
        self.env["hub.rule.turn"]._take(self.id, {str(value) for _m, value, _own in wanted})
        return self._count_others(env, wanted)

    def _what_is_missing(self, env, plain, items):
        """What the records that ``items`` lead to lack, as text; a query a path."""
        leads = {}
        for item in items:
            lines = (item.values.get(plain.part) or ()) if plain.part else (item.values,)
            ids = (_odoo_id(line.get(plain.field)) for line in lines)
            leads[item.message_id] = list(dict.fromkeys(key for key in ids if isinstance(key, int)))
        records = env[self._pointed_model()].browse({key for ids in leads.values() for key in ids})
        texts = {}
        for record in records.exists():
            missing = [
                self._path_label(record, paths[0])
                for paths in self._paths()
                if not any(record.mapped(path) and any(record.mapped(path)) for path in paths)
            ]
            texts[record.id] = (
                self.env._(
                    "%(record)s: %(fields)s", record=record.display_name, fields=", ".join(missing)
                )
                if missing
                else ""
            )
        return {
            message: "; ".join(filter(None, (texts.get(key, "") for key in ids)))
            for message, ids in leads.items()
        }

    def _path_label(self, record, path):
        for name in path.split(".")[:-1]:
            record = record[name]
        return record._fields[path.split(".")[-1]]._description_string(self.env)

    def _count_others(self, env, wanted):
        """How many other records have the same.

        :param env: of the system's technical user in the records' company, whose rights hold.
        :param wanted: ``[(key, value, own id or None)]``; a value is an Odoo id where the field points to a record.
        :return: ``{key: count}``; one query.
        """
        model = env[self.model_name]
        own_of = self.own_field or ("id" if self.model_name == self.entity_id.model_name else None)
        values = list({value for _key, value, _own in wanted})
        groups = [self.match_field, *([own_of] if own_of and own_of != "id" else ())]
        rows = model._read_group(
            Domain(self.match_field, "in", values) & self._counted_domain(),
            groups,
            ["id:array_agg"],
        )
        counts = {}
        for key, value, own in wanted:
            counts[key] = 0
            for found, *rest in rows:
                if (found.id if isinstance(found, models.BaseModel) else found) != value:
                    continue
                ids = set(rest[-1])
                if own and own_of == "id":
                    ids.discard(own)
                elif own and own_of and rest[0].id == own:
                    continue
                counts[key] += len(ids)
        return counts


def _odoo_id(value):
    """The Odoo id that a resolved value stands for; else the value itself."""
    return getattr(value, "res_id", None) or value
