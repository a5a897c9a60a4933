from odoo import models


class HubSentence(models.AbstractModel):
    """Codes and parameters as sentences in the reader's language.

    What is stored is the code with its parameters, so the same failure reads well in any language.
    """

    _name = "hub.sentence"
    _description = "Sentences"

    def _known(self, params):
        """Code → (what happened, what to do). Other parts of the addon add theirs."""
        _ = self.env._
        p = _Params(params)
        return {
            # why something was left out
            "unchanged": (_("Nothing that is mapped has changed."), ""),
            "superseded": (_("A newer version of the same record arrived."), ""),
            "stale": (_("A newer version was already applied."), ""),
            "duplicate": (_("It was received before."), ""),
            "ignored_event": (_("Events of the type “%(type)s” are not used.", type=p["type"]), ""),
            "by_person": (_("Skipped by %(who)s: %(why)s", who=p["who"], why=p["why"]), ""),
            "no_stream": (_("No active stream reads this entity."), ""),
            "not_linked": (
                _("The record is not known to Odoo, so there is nothing to take back."),
                "",
            ),
            "no_match": (_("Nobody in Odoo has this e-mail address; time entries will ask."), ""),
            "erased": (
                _("The person was erased from the hub: nothing of it is read or kept."),
                "",
            ),
            "region_forbidden": (
                _("Not sent: %(text)s", text=p["text"]),
                _("What is right is for an integration manager to decide; then replay."),
            ),
            "made_in_odoo": (
                _(
                    "Odoo has no such record; records of this kind are made in Odoo, not from outside."
                ),
                "",
            ),
            "merge_followed": (
                _("It was merged at the source; the Odoo record now follows the survivor."),
                "",
            ),
            "running": (_("The timer still runs."), ""),
            "not_final": (_("Its status at the source is not final yet."), ""),
            "sent": (_("Sent and confirmed."), ""),
            "sending": (_("Sent to the product."), ""),
            "late_answer": (
                _(
                    "The product's answer came after the message had been taken over; it changed nothing."
                ),
                "",
            ),
            "simulation_locked": (_("Somebody else worked on the record just then."), ""),
            "applied": (_("Applied."), ""),
            "fetched": (_("Read from the source."), ""),
            # why something waits
            "waits_for": (
                _(
                    "Waits for %(entity)s %(id)s, which has not arrived yet.",
                    entity=p["entity"],
                    id=p["id"],
                ),
                _("It goes on by itself when that record is there."),
            ),
            "waits_for_earlier": (
                _("Waits for an earlier event of the same record."),
                _("It goes on by itself when that one is finished."),
            ),
            # what a person has to decide
            "unknown_term": (
                _(
                    "“%(word)s” is not known in the vocabulary %(vocabulary)s.",
                    word=p["word"],
                    vocabulary=p["vocabulary"],
                ),
                _("Choose the term it stands for; everything that waits for it goes on."),
            ),
            "missing_value": (
                _("%(field)s is missing in the source.", field=p["field"]),
                _("Fill it in there; the record comes back by itself. Or correct the mapping."),
            ),
            "bad_value": (
                _(
                    "%(field)s is “%(value)s”, but it should be %(expected)s.",
                    field=p["field"],
                    value=p["value"],
                    expected=self._expected_words().get(p["expected"], p["expected"]),
                ),
                _("Correct it in the source, or choose another transform in the mapping."),
            ),
            "too_long": (
                _(
                    "%(field)s has %(length)s characters; at most %(limit)s are kept.",
                    field=p["field"],
                    length=p["length"],
                    limit=p["limit"],
                ),
                _("Shorten it in the source."),
            ),
            "bad_path": (
                _("The mapping's path “%(path)s” cannot be read.", path=p["path"]),
                _("Correct the path in the mapping, then replay."),
            ),
            "bad_json": (
                _("What the source sent is not valid JSON."),
                _("Nothing is lost: the bytes are kept. Ask the product's support if it goes on."),
            ),
            "ambiguous_match": (
                _(
                    "%(count)s records in Odoo have the same %(key)s as “%(name)s”.",
                    count=p["count"],
                    key=p["key"],
                    name=p["name"],
                ),
                _("Choose the right one, or merge them first."),
            ),
            "reference_missing": (
                _("%(entity)s %(id)s is not known.", entity=p["entity"], id=p["id"]),
                _("Check in the source whether it still exists; then replay."),
            ),
            "record_gone": (
                _(
                    "The Odoo record of %(entity)s %(id)s was deleted.",
                    entity=p["entity"],
                    id=p["id"],
                ),
                _("Choose the record that takes its place; what waits for it goes on."),
            ),
            "unknown_consultant": (
                _(
                    "“%(name)s” in %(system)s matches no employee.",
                    name=p["name"] or p["id"],
                    system=p["system"],
                ),
                _("Link the employee; the entries that wait go on."),
            ),
            "unmapped_project": (
                _(
                    "The project “%(name)s” of %(system)s is not linked to a project in Odoo.",
                    name=p["name"] or p["id"],
                    system=p["system"],
                ),
                _("Link the project, or skip the entries with a reason."),
            ),
            "not_found_at_source": (
                _(
                    "%(system)s no longer has %(entity)s %(id)s.",
                    system=p["system"],
                    entity=p["entity"],
                    id=p["id"],
                ),
                _("If that is right, skip it with a reason; else restore it there and replay."),
            ),
            "deleted_at_source": (
                _("It was deleted in %(system)s. Nothing was deleted in Odoo.", system=p["system"]),
                _("Keep the Odoo record (skip with a reason), or archive it yourself."),
            ),
            "merged_at_source": (
                _(
                    "It was merged into %(other)s in %(system)s; "
                    "both are linked to different Odoo records.",
                    other=p["other"],
                    system=p["system"],
                ),
                _("Merge the two records in Odoo, or skip with a reason."),
            ),
            "odoo_books_it": (
                _("Odoo's own payment provider is about to book this payment."),
                _("It goes on by itself."),
            ),
            "unknown_country": (
                _("“%(value)s” is no country that Odoo knows.", value=p["value"]),
                _("Correct the country in the source."),
            ),
            "reconnect": (
                _(
                    "%(system)s refuses the sign-in: its token is wrong, expired or revoked.",
                    system=p["system"],
                ),
                _(
                    "Enter a new token in the system's credentials and test the connection; "
                    "everything that waits goes on."
                ),
            ),
            "company_unknown": (
                _("It cannot be decided which company sells this."),
                _("Map “selling_company”, or give the source's word a company in the vocabulary."),
            ),
            "company_not_served": (
                _("%(system)s does not serve the company of this record.", system=p["system"]),
                _("Add the company to the system, or correct the record in the source."),
            ),
            "odoo_rule": (
                _("Odoo refuses: %(message)s", message=p["message"]),
                _("Correct the record or the configuration, then replay."),
            ),
            "permission": (
                _("The technical user may not do this: %(message)s", message=p["message"]),
                _("Give the system's technical user the missing right, then replay."),
            ),
            "bug": (
                _("An unexpected error (%(type)s) in %(place)s.", type=p["type"], place=p["place"]),
                _(
                    "Nothing was written. Replay once; if it comes back, report it with the message's number."
                ),
            ),
            "kills_worker": (
                _("The process that worked on this message died three times."),
                _("Look at the payload's size and content before you replay it."),
            ),
            "conversion_failed": (
                _("%(system)s refused the value: %(code)s.", system=p["system"], code=p["code"]),
                _("Correct the value or the outbound mapping, then replay."),
            ),
            # faults of the connection; also the lines of a test
            "error_connection": (
                _("The product cannot be reached."),
                _("It is tried again by itself."),
            ),
            "error_product_down": (
                _("The product answers with an error of its own (%s).", p["status"]),
                _("It is tried again by itself."),
            ),
            "error_rate": (
                _("The product's limit of calls is used up."),
                _("It goes on when the product allows it."),
            ),
            "error_sign_in": (
                _("The sign-in was refused: the token is wrong, expired or revoked."),
                _(
                    "Enter a new token in the system's credentials and test the connection; what waits goes on."
                ),
            ),
            "error_permission": (
                _("The account may not do this (a permission or scope is missing)."),
                _("Add the scope that the connector's page names, then replay."),
            ),
            "error_reference": (
                _("The product does not know the record."),
                _("Check it there, then replay."),
            ),
            "error_data": (
                _("The product refused the data (%(code)s).", code=p["code"] or p["status"]),
                _("Correct the value or the mapping, then replay."),
            ),
            "error_conflict": (
                _("The record changed in the product meanwhile."),
                _("Replay to send today's values."),
            ),
            "error_schema": (
                _("The product answered in a form that is not understood."),
                _(
                    "Check the address of the system; it may point to a web page instead of the API."
                ),
            ),
            "error_identity": (
                _("The product found more than one record, or another account."),
                _("Check the account number of the system."),
            ),
            "error_unknown": (
                _("The answer was lost on the way; whether it took effect is being checked."),
                "",
            ),
            "error_lock": (
                _("Other work held the same records."),
                _("It is tried again by itself."),
            ),
            "error_rule": (
                _("A rule of the product refused it (%(code)s).", code=p["code"]),
                _("Correct it, then replay."),
            ),
            "error_bug": (_("An unexpected error."), _("Report it with the message's number.")),
        }

    def _find(self, code, params):
        known = self._known(params)
        return known.get(code) or known.get(f"error_{code}")

    def _sentence(self, code, params):
        """What happened, in a sentence."""
        found = self._find(code, params)
        return found[0] if found else (code or "")

    def _advice(self, code, params):
        """What to do next."""
        found = self._find(code, params)
        return found[1] if found else ""


class _Params(dict):
    """Parameters of a sentence; a missing one is blank, never an error on the screen."""

    def __init__(self, params):
        super().__init__(params or {})

    def __missing__(self, key):
        return ""
