import json
from dataclasses import asdict

from odoo import api, models

from ...core.problem import Problem


class HubHandler(models.AbstractModel):
    """How canonical records of one entity become Odoo records, and back.

    A handler inherits from this model (``_inherit = "hub.handler"``, own ``_name``) and is named on
    its entity (``hub.entity.handler``). Its environment is the technical user of the system in
    the company of the items, with ``HUB_CONTEXT``; it never uses ``sudo()`` for business records.
    Each method takes all items of one batch and reads with one query a step.
    """

    _name = "hub.handler"
    _description = "Lead-to-Cash Hub Handler"

    # Whether `_hub_write` also writes the fields that are bound straight to Odoo fields; else the
    # engine does, after it.
    _hub_writes_bound = False

    # Odoo fields that hold a canonical field's value beside the one that its entity names: with it they
    # are taken back, or not at all.
    _hub_beside = {}

    # Fields whose other value at the survivor of a merge is a person's decision: as if both sides had
    # changed it since they agreed.
    _hub_asked_after_merge = ()

    @api.model
    def _hub_may_upload(self, entity):
        """Whether this user may bring records of ``entity`` by a file. Called as the person, while the
        records are written by the technical user: what is booked or approved asks for the person's
        own right to do so."""
        return True

    @api.model
    def _hub_match(self, items):
        """Find the Odoo record of each item that has no link yet (sets ``item.res_id``).

        Sure matches set ``res_id``; unsure ones set ``item.problem`` (code ``possible_duplicate``,
        kind ``identity``, ``candidates=[ids]``). The default matches nothing.
        """

    @api.model
    def _hub_check(self, items):
        """Rules that can be known before anything is written: set ``item.problem`` or ``skip``."""

    @api.model
    def _hub_worth(self, items):
        """Set ``item.at_risk`` of items that fail before they come to the checks, as far as Odoo's own
        records tell it. The default leaves it to what the source says."""

    @api.model
    def _hub_write(self, items):
        """Create and write the Odoo records of ``items`` in batches and set ``item.res_id``.

        Runs in a savepoint: raising undoes all of this call, and the engine halves the batch until
        the item that fails stands alone. A :class:`~core.problem.Problem` raised for a single item
        becomes its exception; any Odoo ``UserError`` becomes code ``odoo_rule``.
        """
        raise NotImplementedError

    @api.model
    def _hub_delete(self, items):
        """The source deleted or merged these (``item.action``). Never cascades.

        A merge of which Odoo knows only one side leads both ids to its record. One of which it knows neither
        is left as it is: the batch decides whether it waits for the survivor. Everything else is a person's decision.
        """
        entity = self.env["hub.entity"].search([("code", "=", items[0].entity)])
        survivors = self.env["hub.link"]._load(
            self.env.cr,
            [
                (item.system_id, entity.id, item.values["merged_into"])
                for item in items
                if item.values.get("merged_into")
            ],
        )
        system = self.env["hub.system"].browse(items[0].system_id)
        follow = []
        for item in items:
            other = item.values.get("merged_into")
            if not other:
                item.problem = Problem(
                    "deleted_at_source", kind="conflict", cause=item.external_id, system=system.name
                )
                continue
            survivor = survivors.get((item.system_id, entity.id, other))
            known = survivor or (item.link and asdict(item.link))
            if not known:
                continue
            if item.link and known["res_id"] != item.link.res_id:
                item.problem = Problem(
                    "merged_at_source",
                    kind="conflict",
                    cause=item.external_id,
                    system=system.name,
                    other=other,
                    candidates=[known["res_id"], item.link.res_id],
                )
                continue
            item.skip, item.res_id = "merge_followed", known["res_id"]
            link = {
                "system_id": item.system_id,
                "entity_id": entity.id,
                "entity": entity.code,
                "company_id": item.company_id or known.get("company_id"),
                "res_model": known["res_model"],
                "res_id": known["res_id"],
            }
            if item.link:
                # The record is the survivor's from now on, with all of its values, whichever came first:
                # nothing that it said before counts as agreed.
                asked = json.dumps(dict.fromkeys(self._hub_asked_after_merge))
                follow.append(link | {"external_id": other, "base": "{}", "held": asked})
                survivors[item.system_id, entity.id, other] = link
            # What was read of it before the merge is older than what is read of the survivor.
            follow.append(
                link
                | {"external_id": item.external_id, "version": item.version, "merged_into": other}
            )
        self.env["hub.link"]._store(self.env.cr, follow)

    @api.model
    def _hub_roots(self, model, ids):
        """Which records of this handler's model are concerned when ``ids`` of ``model`` changed.

        :return: list of ids of the entity's Odoo model (one query).
        """
        return []

    @api.model
    def _hub_new(self, records, system):
        """Those of ``records`` that are of this entity: ``system``, which does not know them, may be told of these.
        Entities may share a model."""
        return records

    @api.model
    def _hub_gone_there(self, items):
        """Deletions of what no link knows; they are left out. Set ``problem``, and take back ``skip``, of those that
        somebody has to look at all the same."""

    @api.model
    def _hub_delivered(self, cr, ids, first):
        """The other side has got records ``ids``, those in ``first`` for the first time. Called while its answer is
        stored: hub rows only, on the cursor given."""

    @api.model
    def _hub_compose(self, records, system):
        """Canonical outbound values of ``records``, from today's data.

        :return: ``{res_id: {canonical field: value}}``; a record left out has nothing to send.
        """
        return {}
