"""What a batch decides by its links alone, before any payload is read."""

from ...core import order


class Known:
    """The part of a batch that knows what is old or unchanged; uses ``env``, ``system``, ``entity``, ``anew`` and the
    revision of :class:`~.apply_batch.ApplyBatch`."""

    def split(self, rows):
        """Which of claimed messages are decided by their links alone: what is old, or is what was applied last.

        :return: ``(these rows, the others)``, each in the order of ``rows``.
        """
        if self.anew:
            return [], rows
        links = self._links(rows)
        settled, others = [], []
        for row in rows:
            link = links.get((self.system.id, self.entity.id, row["external_id"]))
            plain_change = (row["action"] or "change") == "change"
            done = link and plain_change and self._left_out(row, link)
            (settled if done else others).append(row)
        return settled, others

    def _links(self, rows):
        """Links of the rows, in one query."""
        return self.env["hub.link"]._load(
            self.env.cr, [(self.system.id, self.entity.id, row["external_id"]) for row in rows]
        )

    def _left_out(self, row, link):
        """Why a message needs no look at its content: it is old, or it is what was applied last."""
        if link and order.is_stale(row["version"], link["version"]):
            return "stale"
        if link and link["payload_digest"] == self.seal(row) and not row["decision"]:
            return "unchanged"
        return None

    def seal(self, row):
        """What "nothing has changed" is judged by, before anything is mapped."""
        seal = f"{row['payload_digest']}:{self.revision}"
        return f"{seal}:{self.gates.seal}" if self.gates else seal
