"""Words of the source to terms of the vocabularies, for a whole batch."""

from ...core.merge import plain
from ...core.problem import Problem, Term
from ...core.schema import Word

MOST_WORDS = 20  # unknown words of one record that are kept with its question


class Words:
    """The part of a batch that translates; a company's own words win over the system's.

    Uses ``env``, ``system``, ``items`` and ``plain`` of :class:`~.apply_batch.ApplyBatch`.
    """

    def _resolve_words(self):
        """Source words to canonical terms, with the vocabulary read once."""
        Vocabulary = self.env["hub.vocabulary.word"]
        self._words, self._overlays = Vocabulary._words_of(self.system)
        self._key_of = Vocabulary._key
        self._names = None
        self._later = {}  # message id -> values whose words wait for the company
        served = self.system.company_ids
        for item in self.items:
            company = item.company_id or (served.id if len(served) == 1 else None)
            if self._overlays and not company and self._asks_company(item.values):
                self._later[item.message_id] = item.values
                # Until then as every company says it; what only some say stays a word.
                item.values = self._translated(item, item.values, None, ask=False)
                continue
            item.values = self._translated(item, item.values, company)

    def _resolve_overlays(self):
        """Once companies are decided: the words that differ from company to company."""
        for item in self._open():
            values = self._later.get(item.message_id)
            if values is None:
                continue
            terms = self._translated(item, values, item.company_id)
            for name, value in values.items():
                if _has_word(value):
                    item.values[name] = terms[name]
                    if item.message_id in self.plain:
                        self.plain[item.message_id][name] = plain(terms[name])

    def _asks_company(self, values):
        keys = {key[:2] for key in self._overlays}
        return any((word.vocabulary, self._key_of(word.text)) in keys for word in _words_in(values))

    def _translated(self, item, values, company, ask=True):
        """``values`` with terms in place of words; unknown words become one question of the item."""
        unknown = []

        def translate(value):
            if isinstance(value, Word):
                key = (value.vocabulary, self._key_of(value.text))
                found = self._overlays.get((*key, company)) or self._words.get(key)
                if found is None:
                    unknown.append(value)
                    return None if ask else value
                _term_id, code, res_model, res_id = found
                return Term(code, res_model or None, res_id or None)
            if isinstance(value, dict):
                return {key: translate(entry) for key, entry in value.items()}
            if isinstance(value, list):
                return [translate(entry) for entry in value]
            return value

        result = {name: translate(value) for name, value in values.items()}
        if unknown and ask and item.problem is None:
            item.problem = self._unknown(unknown)
        return result

    def _unknown(self, unknown):
        """One question for all unknown words of a vocabulary, whatever record they stand in."""
        vocabulary = unknown[0].vocabulary
        if self._names is None:
            self._names = {v.code: v.name for v in self.env["hub.vocabulary"].search([])}
        words = list(dict.fromkeys(w.text for w in unknown if w.vocabulary == vocabulary))
        return Problem(
            "unknown_term",
            kind="reference",
            cause=vocabulary,
            word=words[0],
            words=words[:MOST_WORDS],
            vocabulary=self._names.get(vocabulary, vocabulary),
            vocabulary_code=vocabulary,
        )


def _has_word(value):
    return next(_words_in(value), None) is not None


def _words_in(value):
    if isinstance(value, Word):
        yield value
    elif isinstance(value, dict):
        for entry in value.values():
            yield from _words_in(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from _words_in(entry)
