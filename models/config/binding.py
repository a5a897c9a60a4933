"""Which fields of Odoo a canonical field may be bound to. Decided here, in code: no form, import or call
can bind what governs access, money or the hub itself."""

from odoo import models

# What governs access or the system itself (security: escalation by mapping): no message writes it, and
# no term stands for it.
DENIED_PREFIXES = (
    "ir.",
    "hub.",
    "base.",
    "base_import.",
    "bus.",
    "auth",
    "res.users",
    "res.groups",
    "res.config",
    "mail.template",
    "mail.alias",
    "mail.mail",
    "mail.message",
    "mail.followers",
    "fetchmail",
)
# Business records of the hub's own that are no configuration and no trace: a message may write them.
_BUSINESS = frozenset(["hub.agreement", "hub.assignment", "hub.document", "hub.leave"])
# Master data of money: terms may stand for it, messages do not write it.
_MASTER_PREFIXES = (
    "res.company",
    "res.currency",
    "res.partner.bank",
    "account.account",
    "account.fiscal",
    "account.journal",
    "account.payment.method",
    "account.payment.term",
    "account.tax",
    "payment.",
)
# Documents of the books and what they are billed from: decided by accounting, or by the hub's handlers.
_BOOKS = (
    "account.move",
    "account.payment",
    "account.bank",
    "account.partial",
    "account.full",
    "account.analytic.line",
    "hr.expense",
    "sale.order",
)
# Decided by the engine, by a workflow's own buttons, or by Odoo.
_DENIED_FIELDS = frozenset(
    ["id", "display_name", "company_id", "company_ids", "state", "password", "access_token", "create_uid",
     "create_date", "write_uid", "write_date", "message_ids", "activity_ids", "website_message_ids"]
)  # fmt: skip

# Whoever knows one gets in.
_SECRETS = frozenset(["password", "access_token", "signup_token", "access_url"])

# canonical type → types of Odoo fields that can hold it
_HOLDS = {
    "text": ("char", "text", "html", "selection"),
    "integer": ("integer", "float"),
    "decimal": ("float", "monetary"),
    "money": ("float", "monetary"),
    "date": ("date",),
    "datetime": ("datetime", "date"),
    "boolean": ("boolean",),
    "currency": ("char", "many2one"),
    "country": ("char", "many2one"),
    "language": ("char", "selection"),
    "email": ("char", "text"),
    "url": ("char", "text"),
    "phone": ("char", "text"),
    "vat": ("char", "text"),
    "ref": ("many2one",),
    "term": ("many2one", "selection", "char"),
}
# What a many2one must point to, by canonical type; references and terms name their own.
POINTS_TO = {"currency": "res.currency", "country": "res.country"}


class HubBinding(models.AbstractModel):
    """Answers why something must not be bound, as a sentence; nothing if it may."""

    _name = "hub.binding"
    _description = "Binding Rules"

    def _refuse_model(self, name):
        """Why messages may not write a model."""
        model = self.env.get(name) if name else None
        if name.startswith(DENIED_PREFIXES) and name not in _BUSINESS:
            return self.env._(
                "Messages may not write %(model)s: it governs access or the system itself.",
                model=name,
            )
        if name.startswith(_MASTER_PREFIXES):
            return self.env._(
                "Messages may not write %(model)s: it is master data of money.", model=name
            )
        if model is None or model._abstract or model._transient or not model._auto:
            return self.env._("%(model)s keeps no records that could be written.", model=name)
        return None

    def _refuse_field(self, model_name, field_name, kind, writes=True):
        """Why a canonical field of type ``kind`` may not be bound to a field.

        :param writes: whether messages write it; a field that is only sent is judged more gently.
        """
        field = self.env[model_name]._fields.get(field_name)
        if field is None:
            return self.env._(
                "%(model)s has no field %(field)s.", model=model_name, field=field_name
            )
        shown = f"{model_name}.{field_name}"
        if reason := self._refuse_read(model_name, field_name):
            return reason
        if field_name.startswith("hub_") or (writes and field_name in _DENIED_FIELDS):
            return self.env._("%(field)s is decided by Odoo or by the hub itself.", field=shown)
        if field.type in ("one2many", "many2many", "binary", "json", "properties", "reference"):
            return self.env._("Fields of the type %(type)s are not bound.", type=field.type)
        if writes and (reason := self._refuse_write(model_name, field)):
            return reason
        return self._refuse_type(field, shown, kind)

    def _refuse_read(self, model_name, field_name):
        """Why the engine may not even look at a field to compare it; one that does not exist is no harm."""
        model = self.env.get(model_name) if model_name else None
        field = model._fields.get(field_name) if model is not None and field_name else None
        if field is None:
            return None
        shown = f"{model_name}.{field_name}"
        if field.groups:
            return self.env._("%(field)s is for some groups only.", field=shown)
        if field_name in _SECRETS or field.type == "binary":
            return self.env._("%(field)s is not for other systems.", field=shown)
        return None

    def _refuse_write(self, model_name, field):
        shown = f"{model_name}.{field.name}"
        if field.inherited and field.related_field.model_name.startswith(
            DENIED_PREFIXES + _MASTER_PREFIXES
        ):
            return self.env._("%(field)s is decided by Odoo or by the hub itself.", field=shown)
        if (field.inverse or field.related) and not field.inherited:
            return self.env._("%(field)s writes other records when it is written.", field=shown)
        if field.compute and field.readonly and not field.inherited:
            return self.env._("%(field)s is computed.", field=shown)
        if model_name.startswith(_BOOKS) and not field.manual:
            return self.env._(
                "%(field)s belongs to the books: only fields that were added by hand are bound there.",
                field=shown,
            )
        return None

    def _refuse_type(self, field, shown, kind):
        base, _sep, target = kind.partition(":")
        if field.type not in _HOLDS.get(base, ()):
            return self.env._(
                "%(field)s (%(type)s) cannot hold values of the type %(kind)s.",
                field=shown,
                type=field.type,
                kind=kind,
            )
        if field.type == "many2one":
            wanted = POINTS_TO.get(base)
            if base == "ref":
                wanted = self.env["hub.entity"].search([("code", "=", target)]).model_name
            elif base == "term":
                wanted = self.env["hub.vocabulary"].search([("code", "=", target)]).model_name
            if field.comodel_name != wanted:
                return self.env._(
                    "%(field)s points to %(model)s, but %(kind)s to %(other)s.",
                    field=shown,
                    model=field.comodel_name,
                    kind=kind,
                    other=wanted or "–",
                )
        return None
