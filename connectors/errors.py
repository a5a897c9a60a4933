"""What can go wrong between us and a product, in the classes that the engine decides by."""

from __future__ import annotations

from typing import Any

from ..core import retry

# data: this record is refused. reference: it names what is not there. identity: ambiguous.
# conflict: it changed meanwhile. permission / sign_in: the account may not / is not known.
# connection / rate / product_down: try later. schema: the product answers in another shape than
# this connector knows. bug: ours. unknown: a write whose answer was lost; it may have happened, and
# is repeated all the same: each write of a connector carries an idempotency key that the product
# honours, sets values that may be set twice, or looks up before it creates.
# What becomes of each: ``core.retry.ROUTES``. 'lock' and 'rule' are Odoo's own.
KINDS = frozenset(retry.ROUTES) - {"lock", "rule"}
# A look-up found nothing, but the product shows a new record only after a while: no answer yet. The product is
# well, only this write waits.
NOT_THERE_YET = "not_there_yet"


class ConnectorError(Exception):
    """A call failed.

    :param kind: one of ``KINDS``.
    :param code: machine word for the sentence that a person reads, for example ``"rate_limited"``.
    :param status: HTTP status, if there was an answer.
    :param retry_after: seconds that the product asked us to wait, if it did.
    :param params: safe to show: no secret and no body of an answer.
    """

    def __init__(
        self,
        kind: str,
        code: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        params: dict[str, Any] | None = None,
    ):
        if kind not in KINDS:
            raise ValueError(f"unknown kind of error: {kind}")
        super().__init__(f"{kind}/{code}" + (f" (HTTP {status})" if status else ""))
        self.kind = kind
        self.code = code
        self.status = status
        self.retry_after = retry_after
        self.params = params or {}

    @property
    def transient(self) -> bool:
        """Whether trying the same again later can help without a person."""
        return retry.transient(self.kind)


class BadSignature(Exception):
    """A webhook that is not proved to come from the product.

    :attr status: the answer, the same for each product and for an address that nobody has: it tells
        nothing.
    :param code: why, for the sample of rejections: ``no_secret``, ``missing``, ``malformed``,
        ``too_old``, ``in_the_future``, ``mismatch``.
    """

    status = 401

    def __init__(self, code: str = "mismatch"):
        super().__init__(code)
        self.code = code


class BadBody(Exception):
    """A webhook that is signed but cannot be taken.

    :param status: the answer's HTTP status.
    :param code: why, for example a code of ``strict_json`` or ``other_account``.
    """

    def __init__(self, status: int, code: str):
        super().__init__(code)
        self.status = status
        self.code = code


def from_status(status: int, *, write: bool, structured: bool = True) -> ConnectorError | None:
    """The plain reading of an HTTP status, before a product's own error table refines it.

    :param write: whether the call could have changed something: a gateway that gave up
        (502, 504) leaves a write's outcome unknown.
    :param structured: whether the answer was JSON. An HTML 4xx is a proxy or a route that is gone,
        never a statement about a record.
    :return: the error, or None for 2xx.
    """
    if 200 <= status < 300:
        return None
    if 300 <= status < 400:
        return ConnectorError("schema", "redirect_refused", status=status)
    if status == 401:
        return ConnectorError("sign_in", "not_signed_in", status=status)
    if status == 403:
        return ConnectorError("permission", "not_allowed", status=status)
    if status in (425, 429):
        return ConnectorError("rate", "rate_limited", status=status)
    if status in (502, 504) and write:
        return ConnectorError("unknown", "answer_lost", status=status)
    if status == 408:
        return ConnectorError("unknown" if write else "connection", "timeout", status=status)
    if status >= 500:
        return ConnectorError("product_down", "server_error", status=status)
    if not structured:
        return ConnectorError("schema", "unexpected_page", status=status)
    if status in (404, 410):
        return ConnectorError("reference", "not_found", status=status)
    if status in (409, 412):
        return ConnectorError("conflict", "conflict", status=status)
    if status in (405, 406, 415):
        return ConnectorError("schema", "not_supported", status=status)
    return ConnectorError("data", "refused", status=status)
