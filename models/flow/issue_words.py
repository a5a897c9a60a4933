from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools.misc import formatLang

SHOWN = 3  # unknown words that the sentence names


class HubIssue(models.Model):
    """Unknown words of a vocabulary: one issue with all of them, fixed by choosing a term for each."""

    _inherit = "hub.issue"

    change_ids = fields.Many2many(
        "hub.change", "hub_change_issue_rel", readonly=True, string="Proposed In"
    )

    def _unknown_words(self):
        """Words that these issues are about, the most money first.

        :return: ``{issue id: [(word, records, amount)]}``, in one query; equal words written
            differently count as one.
        """
        self.env.cr.execute(
            """
            SELECT issue_id, min(word), count(DISTINCT exception_id), coalesce(sum(amount_company), 0) AS amount
              FROM (SELECT e.issue_id, e.id AS exception_id, e.amount_company, w.word,
                           lower(regexp_replace(btrim(w.word), '\\s+', ' ', 'g')) AS key
                      FROM hub_exception e
                     CROSS JOIN LATERAL jsonb_array_elements_text(
                           coalesce(e.params->'words', jsonb_build_array(e.params->>'word'))) w(word)
                     WHERE e.state = 'open' AND e.issue_id = ANY(%s)) x
             WHERE word IS NOT NULL
             GROUP BY issue_id, key ORDER BY amount DESC, 2
            """,
            [self.ids],
        )
        found = {issue: [] for issue in self.ids}
        for issue, word, count, amount in self.env.cr.fetchall():
            found[issue].append((word, count, amount))
        return found

    @api.depends(
        "code", "params", "exception_count", "at_risk", "state", "record_total", "risk_total"
    )
    @api.depends_context("lang")
    def _compute_sentence(self):
        result = super()._compute_sentence()
        several = self.filtered(lambda issue: issue.code == "unknown_term" and issue.ids)
        words = several._unknown_words() if several else {}
        for issue in several:
            found = words[issue.id]
            if len(found) < 2:
                continue
            count, at_risk = issue._size()
            names = ", ".join(f"“{word}”" for word, _count, _amount in found[:SHOWN])
            values = {
                "number": len(found),
                "vocabulary": (issue.params or {}).get("vocabulary", ""),
                "system": issue.system_id.name,
                "count": count,
                "names": names + (" …" if len(found) > SHOWN else ""),
            }
            if issue.currency_id and at_risk:
                issue.sentence = self.env._(
                    "%(number)s unknown words of %(vocabulary)s in %(system)s "
                    "(%(count)s records, %(money)s): %(names)s",
                    money=formatLang(self.env, at_risk, currency_obj=issue.currency_id),
                    **values,
                )
            else:
                issue.sentence = self.env._(
                    "%(number)s unknown words of %(vocabulary)s in %(system)s (%(count)s records): %(names)s",
                    **values,
                )
            issue.advice = self.env._(
                "Choose the term that each stands for; what waits for them goes on."
            )
        return result

    def _fix_map(self, term):
        """Give the unknown word a term, and let everything that waited for it go on.

        :param term: ``hub.vocabulary.term`` record of the same vocabulary.
        """
        words = self._unknown_words()[self.id] or [(self.params["word"], 1, 0)]
        return self._fix_words({words[0][0]: term})

    def _fix_words(self, terms, company=None):
        """Give unknown words their terms; what stands for nothing else any more goes on.

        :param terms: ``{word: hub.vocabulary.term record}`` of the issue's vocabulary.
        :param company: ``res.company`` for whose records alone the words mean that.
        :return: the draft that proposes it where the system is under change control; the records go on
            when it is in force.
        """
        self.ensure_one()
        self.env["hub.message"]._require_resolver()
        vocabulary = self.env["hub.vocabulary"].search(
            [("code", "=", self.params.get("vocabulary_code"))]
        )
        if self.code != "unknown_term" or any(
            t.vocabulary_id != vocabulary for t in terms.values()
        ):
            raise UserError(self.env._("Choose a term of the vocabulary %s.", vocabulary.name))
        created = []

        def teach(env):
            # A resolver may teach a word (that is the fix), without the right to edit vocabularies.
            words = env["hub.vocabulary.word"].sudo()
            created[:] = words.create(
                [
                    {
                        "term_id": term.id,
                        "system_id": self.system_id.id,
                        "word": word,
                        "company_id": company.id if company else False,
                    }
                    for word, term in terms.items()
                ]
            ).ids

        draft = self.env["hub.change"]._carry_out(teach, self.sentence)
        if draft:
            draft.sudo().issue_ids += self  # a link, which the hub keeps
            self.invalidate_recordset(["change_ids"])
        else:
            self._words_taught(self.env["hub.vocabulary.word"].sudo().browse(created))
        return draft

    def _words_taught(self, created):
        """These words have their terms now: what waits for nothing else goes on.

        :param created: ``hub.vocabulary.word`` records.
        """
        self.env["hub.audit"]._append(
            [
                {
                    "action": "map",
                    "system_id": self.system_id.id,
                    "res_model": word._name,
                    "res_id": word.id,
                    "company_id": word.company_id.id or None,
                    "values": {"word": word.word, "term": word.term_id.code},
                }
                for word in created
            ]
        )
        taught = set(created.mapped("word_key"))
        key_of = self.env["hub.vocabulary.word"]._key
        ready = self.exception_ids.filtered(
            lambda e: (
                e.state == "open"
                and {key_of(word) for word in e.params.get("words") or [e.params.get("word")]}
                <= taught
            )
        )
        names = ", ".join(f"“{w.word}” → {w.term_id.display_name}" for w in created)
        ready.message_id._note_author()
        ready.message_id._replay(self.env._("Mapped: %s", names), issue=self)
