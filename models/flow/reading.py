"""Reading many records by id within a time limit, so that neither a slow product nor one bad id stops the rest."""

import time

from ...connectors.errors import ConnectorError
from .fault import unforeseen

SPOILT = ("data", "reference", "identity", "bug")  # kinds of error that one id can cause
# These lie with the account or the address, unless other records can be read meanwhile.
DOUBTFUL = ("schema", "permission")
MOST_DOUBTS = 12  # enough to find one bad id among a hundred; then it is the system's


class Reading:
    """Call after call, until all ids are read or the time is over.

    A call that one id spoils is halved until that id stands alone.

    :param connector: gives ``fetch(entity, ids)``.
    :param ids: external ids, the most urgent first.
    :param step: how many one call reads.
    :attr left: ids that were not read, in their order.
    :attr fault: what lies with the system, not with an id; ``left`` waits for it.
    """

    def __init__(self, connector, code, ids, step):
        self.connector, self.code = connector, code
        self.parts = [ids[at : at + step] for at in range(0, len(ids), step)]
        self.doubted: dict[str, ConnectorError] = {}
        self.doubts, self.worked, self.fault = 0, False, None

    @property
    def left(self):
        return [*self.doubted, *(key for part in self.parts for key in part)]

    def calls(self, seconds):
        """Make the calls; at least one, whatever the time.

        :return: yields ``(ids, records by id, error)`` as soon as these are decided; an error is
            that of its one id.
        """
        until = time.monotonic() + seconds
        while self.parts and self.fault is None:
            part = self.parts.pop(0)
            fault = records = None
            try:
                records = self.connector.fetch(self.code, part)
            except ConnectorError as error:
                fault = error
            except Exception as error:
                fault = unforeseen(error)
            if fault is None:
                self.worked = True
                yield part, records, None
            elif fault.kind not in (*SPOILT, *DOUBTFUL):
                self.parts.insert(0, part)
                self.fault = fault
            elif len(part) > 1:
                self._doubt(fault)
                self.parts[:0] = [part[: len(part) // 2], part[len(part) // 2 :]]
            elif fault.kind in SPOILT:
                yield part, {}, fault
            else:
                self.doubted[part[0]] = fault
                self._doubt(fault)
            if time.monotonic() > until:
                break
        yield from self._settle()

    def _doubt(self, fault):
        if fault.kind in DOUBTFUL:
            self.doubts += 1
            if self.doubts > MOST_DOUBTS and not self.worked:
                self.fault = fault

    def _settle(self):
        """Others could be read: then it lies with these ids, and a person looks at each of them."""
        if not self.worked:
            self.fault = self.fault or next(iter(self.doubted.values()), None)
            return
        doubted, self.doubted = self.doubted, {}
        for key, fault in doubted.items():
            params = fault.params
            yield [key], {}, ConnectorError("data", fault.code, status=fault.status, params=params)
