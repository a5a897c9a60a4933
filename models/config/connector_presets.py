"""What a declared product's file says beside how it speaks: mappings, words and processes of its systems."""

from odoo import api, models
from odoo.exceptions import ValidationError
from odoo.fields import Command

LINE = ("path", "transform", "argument", "both_ways")


class HubConnector(models.Model):
    _inherit = "hub.connector"

    def _of_product(self, model):
        return self.env[model].search([("system_id", "=", False), ("product", "=", self.code)])

    def _presets(self):
        """What systems of this product begin with, as the file has it."""
        self.ensure_one()
        mappings = [
            {
                "entity": mapping.entity_id.code,
                "direction": mapping.direction,
                "lines": [
                    {"field": line.field_id.name}
                    | {name: line[name] for name in LINE if line[name] and line[name] != "none"}
                    for line in mapping.line_ids
                ],
            }
            for mapping in self._of_product("hub.mapping")
            if mapping.line_ids
        ]
        words = [
            {"vocabulary": word.vocabulary_id.code, "term": word.term_id.code, "word": word.word}
            for word in self._of_product("hub.vocabulary.word")
        ]
        processes = [
            {
                "entity": stream.entity_id.code,
                "direction": stream.direction,
                "process": stream.process_id.kind,
            }
            for stream in self._of_product("hub.stream")
        ]
        found = {"mappings": mappings, "words": words, "processes": processes}
        return {name: rows for name, rows in found.items() if rows}

    def _take_presets(self, presets):
        """Systems of this product that are connected from now on begin with these; those that are connected keep
        their mappings and streams. Words count for all of them, where a system has none of its own.

        :param presets: as :meth:`_presets` gives it, checked (``connectors.declaration``).
        :raise ValidationError: naming all that this database does not know.
        """
        self.ensure_one()
        lacking = []
        mappings = [self._mapping_of(row, lacking) for row in presets.get("mappings") or ()]
        words = [self._word_of(row, lacking) for row in presets.get("words") or ()]
        streams = [self._stream_of(row, lacking) for row in presets.get("processes") or ()]
        if lacking:
            raise ValidationError(
                self.env._(
                    "The file names what is not there: %s. Make it first, or take it out of the file.",
                    ", ".join(dict.fromkeys(lacking)),
                )
            )
        for key, lines in mappings:
            mapping = self._kept("hub.mapping", key, {})
            mapping.line_ids.unlink()
            mapping.line_ids = [Command.create(line) for line in lines]
        known = {
            (word.vocabulary_id, word.word_key): word
            for word in self._of_product("hub.vocabulary.word")
        }
        for term, word in words:
            found = known.get((term.vocabulary_id, self.env["hub.vocabulary.word"]._key(word)))
            if found:
                found.write({"term_id": term.id, "word": word})
            else:
                self.env["hub.vocabulary.word"].create(
                    {"term_id": term.id, "word": word, "product": self.code}
                )
        for key, values in streams:
            self._kept("hub.stream", key, values)

    def _kept(self, model, key, values):
        """The preset with that key, with these values; made if there is none."""
        key = {**key, "product": self.code}
        domain = [(name, "=", value) for name, value in key.items()]
        found = self.env[model].search([*domain, ("system_id", "=", False)])
        if not found:
            return found.create({**key, **values})
        if values:
            found.write(values)
        return found

    def _named_entity(self, row, lacking):
        entity = self.env["hub.entity"].search([("code", "=", row["entity"])])
        if not entity:
            lacking.append(self.env._("the entity “%s”", row["entity"]))
        return entity

    def _mapping_of(self, row, lacking):
        entity = self._named_entity(row, lacking)
        fields_ = {field.name: field.id for field in entity.field_ids}
        lines = []
        for number, line in enumerate(row["lines"], 1):
            if entity and line["field"] not in fields_:
                lacking.append(
                    self.env._(
                        "the field “%(field)s” of %(entity)s",
                        field=line["field"],
                        entity=entity.name,
                    )
                )
            lines.append(
                {"field_id": fields_.get(line["field"]), "sequence": 10 * number}
                | {name: line[name] for name in LINE if line.get(name)}
            )
        return {"entity_id": entity.id, "direction": row["direction"]}, lines

    def _word_of(self, row, lacking):
        term = self.env["hub.vocabulary.term"].search(
            [("vocabulary_id.code", "=", row["vocabulary"]), ("code", "=", row["term"])]
        )
        if not term:
            lacking.append(
                self.env._(
                    "the term “%(term)s” of the vocabulary “%(vocabulary)s”",
                    term=row["term"],
                    vocabulary=row["vocabulary"],
                )
            )
        return term, row["word"]

    def _stream_of(self, row, lacking):
        entity = self._named_entity(row, lacking)
        process = self._process_of(row["process"])
        if not process:
            lacking.append(self.env._("a process of the kind “%s”", row["process"]))
        key = {"entity_id": entity.id, "direction": row["direction"]}
        outward = row["direction"] == "out"
        return key, {"process_id": process.id, "poll": not outward, "create_missing": outward}

    @api.model
    def _process_of(self, kind):
        """The process that a kind stands for: the one of all companies, the first by its order."""
        processes = self.env["hub.process"].search([("kind", "=", kind)])
        return processes.sorted(lambda one: bool(one.company_id))[:1]
