"""A document whole, for an accounting ledger: whom it is for, and its lines in that ledger's words."""

from odoo import api, models
from odoo.fields import Domain
from odoo.tools import SQL

from ...core.billing import exact
from ...core.problem import Problem

# part of a line → vocabulary whose words say it
WORDS = {"item": "service_item", "account": "ledger_account", "tax": "tax_code"}
# part of a line → what of an invoice line it is
NAMED = {"item": "product_id", "account": "account_id", "tax": "tax_ids"}
NO_TAX = "none"


class HubVocabulary(models.Model):
    _inherit = "hub.vocabulary"

    def _hub_entities(self):
        """Lines of documents take these words too, though their fields are plain text: they only go out."""
        found = super()._hub_entities()
        if set(WORDS.values()).isdisjoint(self.mapped("code")):
            return found
        return found | self.env["hub.entity"].search([("code", "=", "invoice_line")])


class HubVocabularyTerm(models.Model):
    _inherit = "hub.vocabulary.term"

    def _agreed_count(self):
        """Documents that a ledger got in this word count as well."""
        return super()._agreed_count() + self._hub_said_count()

    def _hub_said_count(self):
        """How many documents with a line of this term's record were sent to a ledger."""
        part = {code: part for part, code in WORDS.items()}.get(self.vocabulary_id.code)
        if not part or not self.res_id:
            return 0
        # Asked with sudo: a document of another company was said in this word all the same; only the number is told.
        moves = self.env["account.move"].sudo()
        lines = Domain("display_type", "=", "product") & Domain(NAMED[part], "in", [self.res_id])
        sent = moves._search(Domain("invoice_line_ids", "any", lines))
        query = SQL(
            """SELECT count(DISTINCT l.res_id) FROM hub_link l
                 JOIN hub_entity e ON e.id = l.entity_id AND e.code = 'invoice'
                WHERE l.res_model = 'account.move' AND l.sent IS NOT NULL AND l.res_id IN %s""",
            sent.subselect(),
        )
        return self.env.execute_query(query)[0][0]


class HubHandlerInvoice(models.AbstractModel):
    _inherit = "hub.handler.invoice"

    @api.model
    def _hub_wants_documents(self, system):
        """Whether a system gets the documents themselves, not only figures of them."""
        if not system:
            return False
        mapping = self.env["hub.mapping"]._compiled_of(system, "out").get("invoice")
        return bool(mapping) and "lines" in mapping[0].fields

    @api.model
    def _hub_compose_documents(self, moves, system, values):
        """What is sent of each document to a ledger.

        Left out are documents of before the cut-over (the system's start date, else the day it was made), and
        those that the ledger had of its own: a look by number links them, and they are its bookkeeper's.

        :param values: ``{id: canonical values}`` without customer and lines.
        :raise Problem: ``ledger_word_missing``, ``ledger_taxes_several``, ``ledger_lines_differ``.
        """
        known = self._hub_known_documents(moves, system)
        begin = system.start_date or system.create_date.date()
        moves = moves.filtered(
            lambda move: known.get(move.id, move.invoice_date >= begin and "new")
        )
        words = self._hub_words(moves, system)
        fresh = moves.filtered(lambda move: move.id not in known)
        customers = self._hub_customers(fresh, system)
        voided = self._hub_voided(moves, system)
        for move in moves:
            if move.id in voided:
                values[move.id]["void"] = False
            values[move.id]["lines"] = self._hub_lines(move, words, system)
            if move in fresh:
                # Said once: a posted document keeps whom it is for, whatever is written there later.
                values[move.id]["customer"] = customers[move.commercial_partner_id.id] | {
                    "email": move.partner_id.email or move.commercial_partner_id.email or None
                }
        return {move.id: values[move.id] for move in moves}

    @api.model
    def _hub_voids(self, moves, system):
        """Documents that were sent and are cancelled here, to be voided there; who did not grant that is asked. One
        that a payment of ours still pays there waits until that was taken back.

        :return: ``{id: canonical values}``; :raise Problem: ``ledger_cancelled_here``.
        """
        known = self._hub_known_documents(moves, system) if moves else {}
        moves = moves.filtered(lambda move: known.get(move.id))
        if moves and not self._hub_may_void(system):
            raise Problem(
                "ledger_cancelled_here",
                kind="conflict",
                cause=moves[0].name,
                number=moves[0].name,
                system=system.name,
            )
        paid = self._hub_paid_there(moves, system) if moves else ()
        return {
            move.id: {"number": move.name, "void": True} for move in moves if move.name not in paid
        }

    @api.model
    def _hub_paid_there(self, moves, system):
        """Numbers of those that receipts of ours pay there, by what was sent last; none where they are not sent any
        more, as nobody would take them back."""
        if "receipt" not in system._sent_entities():
            return set()
        self.env.cr.execute(
            """SELECT DISTINCT part->>'invoice' FROM (
                   SELECT DISTINCT ON (l.res_id) l.sent
                     FROM hub_link l JOIN hub_entity e ON e.id = l.entity_id AND e.code = 'receipt'
                    WHERE l.system_id = %s AND l.res_model = 'account.move'
                    ORDER BY l.res_id, l.id DESC) one,
                    jsonb_array_elements(CASE WHEN jsonb_typeof(one.sent->'applied') = 'array'
                                              THEN one.sent->'applied' ELSE '[]'::jsonb END) part
                WHERE part->>'invoice' = ANY(%s)""",
            [system.id, moves.mapped("name")],
        )
        return {row[0] for row in self.env.cr.fetchall()}

    @api.model
    def _hub_may_void(self, system):
        """Whether what is cancelled here may be voided there: mapped, and granted by a person."""
        entity = self.env["hub.entity"].search([("code", "=", "invoice")])
        mapping = self.env["hub.mapping"]._compiled_of(system, "out").get("invoice")
        granted = self.env["hub.grant"]._granted(system, entity)
        return bool(mapping) and "void" in mapping[0].fields & granted

    @api.model
    def _hub_voided(self, moves, system):
        """Which of these were voided there by us: they are posted again, and that is told."""
        self.env.cr.execute(
            """SELECT DISTINCT l.res_id FROM hub_link l
                 JOIN hub_entity e ON e.id = l.entity_id AND e.code = 'invoice'
                WHERE l.system_id = %s AND l.res_model = 'account.move' AND l.res_id = ANY(%s)
                  AND l.sent ? 'void'""",
            [system.id, moves.ids],
        )
        return {row[0] for row in self.env.cr.fetchall()}

    @api.model
    def _hub_known_documents(self, moves, system):
        """Which documents the system has: ``{id: whether we sent them}``, in one query."""
        self.env.cr.execute(
            """SELECT l.res_id, bool_or(l.sent IS NOT NULL) FROM hub_link l
                 JOIN hub_entity e ON e.id = l.entity_id AND e.code = 'invoice'
                WHERE l.system_id = %s AND l.res_model = 'account.move' AND l.res_id = ANY(%s)
                GROUP BY l.res_id""",
            [system.id, moves.ids],
        )
        return dict(self.env.cr.fetchall())

    @api.model
    def _hub_customers(self, moves, system):
        """Whom documents are for, with the ledger's own id where it is linked: ``{partner id: dict}``."""
        partners = moves.commercial_partner_id
        self.env.cr.execute(
            """SELECT DISTINCT ON (l.res_id) l.res_id, l.external_id FROM hub_link l
                 JOIN hub_entity e ON e.id = l.entity_id AND e.code = 'customer'
                WHERE l.system_id = %s AND l.res_model = 'res.partner' AND l.res_id = ANY(%s)
                  AND l.merged_into IS NULL AND NOT coalesce(l.erased, FALSE)
                ORDER BY l.res_id, l.id DESC""",
            [system.id, partners.ids],
        )
        links = dict(self.env.cr.fetchall())
        return {
            partner.id: {
                "key": partner.id,
                "id": links.get(partner.id),
                "name": partner.name,
                "vat": partner.vat or None,
                "phone": partner.phone or None,
                "street": partner.street or None,
                "street2": partner.street2 or None,
                "zip": partner.zip or None,
                "city": partner.city or None,
                "state": partner.state_id.code or None,
                "country": partner.country_id.code or None,
            }
            for partner in partners
        }

    @api.model
    def _hub_words(self, moves, system):
        """The ledger's words for all that these lines name, as the company of each document says them:
        ``{part: {(record id or False, company id): word}}``."""
        named = {part: set() for part in NAMED}
        for move in moves:
            company = move.company_id.id
            for part, name in NAMED.items():
                named[part] |= {(i, company) for i in move.invoice_line_ids[name].ids}
        Words = self.env["hub.vocabulary.word"]
        found = {part: Words._outward(system, WORDS[part], pairs) for part, pairs in named.items()}
        known, _overlays = Words._words_of(system)
        if (WORDS["tax"], NO_TAX) in known:
            term = self.env["hub.vocabulary.term"].browse(known[WORDS["tax"], NO_TAX][0])
            said = Words._said(system, term)
            found["tax"] |= {(False, one.id): said(term, one.id) for one in moves.company_id}
        return found

    @api.model
    def _hub_lines(self, move, words, system):
        """Lines with amounts exact to the currency, which add up to the document."""
        needed = system._connector_class().document_words
        digits, company = move.currency_id.decimal_places, move.company_id.id
        result = []
        for line in move.invoice_line_ids.filtered(lambda one: one.display_type == "product"):
            named = {part: line[name] for part, name in NAMED.items()}
            if len(line.tax_ids) > 1:
                raise Problem(
                    "ledger_taxes_several",
                    cause=",".join(sorted(line.tax_ids.mapped("name"))),
                    number=move.name,
                    line=line.name or "",
                    taxes=", ".join(line.tax_ids.mapped("name")),
                )
            said = {part: words[part].get((record.id, company)) for part, record in named.items()}
            for part in needed:
                if not said[part]:
                    self._hub_no_word(move, part, named[part], line, system)
            price = exact(line.price_unit) * (100 - exact(line.discount)) / 100
            result.append(
                {
                    "name": line.name or line.product_id.display_name or "",
                    "quantity": exact(line.quantity),
                    "unit_price": price,
                    # As it is booked: where taxes are rounded as a whole, a line may show a cent less or more.
                    "untaxed": exact(f"{move.direction_sign * line.amount_currency:.{digits}f}"),
                    "tax_amount": exact(f"{line.price_total - line.price_subtotal:.{digits}f}"),
                    **said,
                }
            )
        self._hub_round_taxes(result, exact(f"{move.amount_tax:.{digits}f}"))
        total = sum(line["untaxed"] for line in result)
        if total != exact(f"{move.amount_untaxed:.{digits}f}"):
            raise Problem("ledger_lines_differ", cause=move.name, number=move.name)
        return result

    @api.model
    def _hub_round_taxes(self, lines, tax):
        """Taxes of the lines that add up to that of the document, which the firm may round as a whole."""
        taxed = [line for line in lines if line["tax_amount"]] or lines[-1:]
        if taxed:
            taxed[-1]["tax_amount"] += tax - sum(line["tax_amount"] for line in lines)

    @api.model
    def _hub_no_word(self, move, part, record, line, system):
        vocabulary = self.env["hub.vocabulary"].search([("code", "=", WORDS[part])])
        raise Problem(
            "ledger_word_missing",
            kind="reference",
            cause=f"{WORDS[part]}:{record.id or ''}",
            number=move.name,
            system=system.name,
            vocabulary=vocabulary.name,
            record=record.display_name or line.name or "",
            named=bool(record),
            part=part,
        )
