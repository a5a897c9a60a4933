"""Which fields the hub keeps, and which people edit: found by looking at models and their views."""

from odoo import models

ADDON = "odoo.addons.lead_to_cash_hub.models."


def is_plain(field):
    """Whether a column holds it that nothing computes."""
    return (
        field.store
        and field.type != "one2many"
        and not (field.compute or field.related)
        and field.name not in models.MAGIC_COLUMNS
    )


def is_ours(env, model, name):
    """Whether the addon declares this field."""
    classes = env.registry[model].mro()
    return any(name in base.__dict__ and base.__module__.startswith(ADDON) for base in classes)


def kept_of(env, model):
    """Names of the fields that a model declares as the hub's own."""
    rows = env[model]
    return rows._hub_kept() if isinstance(rows, env.registry["hub.kept"]) else frozenset()


def written_models(env, person):
    """Names of the models with rows of which ``person`` may make some or write some."""
    for name, cls in sorted(env.registry.items()):
        if cls._abstract or cls._transient or not cls._auto:
            continue
        rows = env[name].with_user(person)
        if rows.has_access("write") or rows.has_access("create"):
            yield name


class Edited:
    """What people can type, by the forms and lists that are there: ``{model: {field}}`` in :attr:`names`."""

    def __init__(self, env, wanted):
        """:param wanted: names of the models whose fields are asked for."""
        self.env, self.names = env, {name: set() for name in wanted}
        for view in env["ir.ui.view"].search(
            [("type", "in", ("form", "list")), ("mode", "=", "primary"), ("model", "!=", False)]
        ):
            if view.model in env and self._leads_to(view.model):
                self._walk(view._get_combined_arch(), view.model, typed=False)

    def _leads_to(self, model):
        """Whether fields of a wanted model can be in a view of this one."""
        return model in self.names or any(
            field.comodel_name in self.names and field.type.endswith("2many")
            for field in self.env[model]._fields.values()
        )

    def _walk(self, node, model, typed):
        """:param typed: whether the view around is one in which people type."""
        if node.tag == "form":
            typed = node.get("edit") not in ("0", "false") or node.get("create") not in (
                "0",
                "false",
            )
        elif node.tag == "list":
            typed = bool(node.get("editable"))
        elif node.tag in ("kanban", "search"):
            return
        if node.tag == "field":
            field = self.env[model]._fields.get(node.get("name"))
            fixed = node.get("readonly") in ("1", "True", "true") or field is None
            # Rows are moved and archived where nothing else is typed.
            typed = typed or node.get("widget") == "handle"
            if not fixed and typed and model in self.names:
                self.names[model].add(field.name)
                if field.type == "one2many" and field.comodel_name in self.names:
                    # A line belongs to what it is typed into.
                    self.names[field.comodel_name].add(field.inverse_name)
            model = field.comodel_name if field is not None and field.relational else model
        for child in node:
            if isinstance(child.tag, str):
                self._walk(child, model, typed)
