from datetime import datetime, timezone

from odoo import models

from ..connectors.errors import ConnectorError
from ..models.flow.cursors import short_cursor
from ..models.flow.fault import unforeseen

SAMPLE = 50  # records of each stream


class HubConnectSample(models.AbstractModel):
    """The first records of a system's streams, stored as a poll stores them."""

    _name = "hub.connect.sample"
    _description = "Sample of a System"

    def _read(self, streams):
        """Ask the product for the first page of each stream.

        The streams' own positions stay: the first load reads from the beginning, and what was stored here
        is not stored again.

        :return: ``(ids of the newest stored message of each record, sentences of what could not be read)``
        """
        ids, faults = [], []
        for stream in streams:
            system, entity = stream.system_id, stream.entity_id
            try:
                page = system._connector().poll(entity.code, {}, datetime.now(timezone.utc))
            except ConnectorError as error:
                faults.append(self._sentence(stream, error))
                continue
            except Exception as error:
                faults.append(self._sentence(stream, unforeseen(error)))
                continue
            records = page.records[:SAMPLE]
            with short_cursor(self.env) as cr:
                incoming = self.env["hub.poll"]._incoming(system, entity, records)
                self.env["hub.receive"]._store(cr, system.id, system.account_ref or "", incoming)
                cr.execute(
                    """SELECT max(id) FROM hub_message
                        WHERE stream_id = %s AND direction = 'in' AND state = 'pending' AND external_id = ANY(%s)
                        GROUP BY external_id""",
                    [stream.id, [record.external_id for record in records]],
                )
                ids += [row[0] for row in cr.fetchall()]
        return ids, faults

    def _sentence(self, stream, error):
        # Only the class of the fault is shown: never what the other side answered.
        params = {**error.params, "status": error.status, "code": error.code}
        sentence = self.env["hub.sentence"]._sentence(f"error_{error.kind}", params)
        return f"{stream.entity_id.name}: {sentence}"
