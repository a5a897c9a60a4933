"""What every connector is and says. The engine in Odoo knows products only through this."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import urlencode

from .errors import BadSignature, ConnectorError
from .http import Answer, Session
from .parts import (
    Allowance,
    CheckItem,
    Consent,
    Notice,
    Outcome,
    Page,
    Record,
    SecretField,
    TokenAnswer,
    WebhookRequest,
    Write,
)
from .times import answered_at


class Connector:
    """How one product speaks. One instance serves one system during one run of a stream.

    :param session: the hardened HTTP session.
    :param base_url: scheme, host and optional path; ids and queries are added, never hosts.
    :param settings: plain values of the system (see each product's module).
    :param secrets: decrypted secrets by field name; never logged, never put in an error.
    :param clock: returns now, aware, in UTC.
    """

    product: ClassVar[str]
    label: ClassVar[str]
    default_base_url: ClassVar[str]
    auth: ClassVar[tuple[SecretField, ...]] = ()
    entities_in: ClassVar[tuple[str, ...]] = ()
    entities_out: ClassVar[tuple[str, ...]] = ()
    # bucket -> (calls, seconds) that the product allows an account; an admin may set other numbers
    pace: ClassVar[dict[str, tuple[int, float]]] = {"default": (10, 1.0)}
    # secrets of which any one is enough to get a new access token
    renews_with: ClassVar[tuple[str, ...]] = ("refresh_token",)
    batch_read: ClassVar[int] = 1
    batch_write: ClassVar[int] = 1

    # entity -> what the window of a listing is about: "changed", "created" or "date"
    lists: ClassVar[dict[str, str]] = {}

    # what each line of a document needs a word for: of "item", "account", "tax"
    document_words: ClassVar[tuple[str, ...]] = ()

    # the same of a receipt: "account", where the ledger has to be told where the money is
    receipt_words: ClassVar[tuple[str, ...]] = ()

    # whether these are the books that our invoices are held against; another firm's have invoices of their own
    keeps_books: ClassVar[bool] = False

    # how the ids of credit notes begin among those of invoices
    credit_prefix: ClassVar[str] = ""

    # where a person signs in to let us in; None where secrets are made in the product
    consent: ClassVar[Consent | None] = None

    # addresses (scheme and host) beside the system's own that see its secrets
    origins: ClassVar[tuple[str, ...]] = ()

    # whether a change is sent with all that may be sent of its record, not alone
    whole: ClassVar[bool] = False

    # whether a record that is missing can be asked for; else it is waited for
    asks: ClassVar[bool] = True

    # whether everything comes in files that people upload, so that there is nothing to call
    by_file: ClassVar[bool] = False

    webhook_path_hint: ClassVar[str] = ""
    webhook_secret_field: ClassVar[str | None] = None
    ok_status: ClassVar[int] = 200
    ok_body: ClassVar[bytes] = b""
    ok_type: ClassVar[str] = "text/plain; charset=utf-8"

    # finds in a mapping's path the names of what the product is to be asked for
    mapped_names: ClassVar[str] = r"\bproperties\.(\w+)"

    def __init__(
        self,
        session: Session,
        base_url: str | None,
        settings: Mapping[str, Any],
        secrets: Mapping[str, str],
        clock: Callable[[], datetime],
    ):
        self.session = session
        self.base_url = (base_url or self.default_base_url).rstrip("/")
        self.settings = dict(settings or {})
        self.secrets = secrets
        self.clock = clock
        # gives the secrets anew after an access token was refused as expired; set by the engine
        self.renew: Callable[[], Mapping[str, str]] | None = None
        self.answered: datetime | None = None  # the last answer's time, by the product's clock

    # -- for the engine -----------------------------------------------------------------------

    def check(self) -> list[CheckItem]:
        """ "Test connection", item by item; never raises for what an admin can mend."""
        raise NotImplementedError

    def account_id(self) -> str:
        """The id of the connected account, read from the product."""
        raise NotImplementedError

    @classmethod
    def verify(
        cls,
        request: WebhookRequest,
        secrets: Sequence[str],
        settings: Mapping[str, Any],
        now: datetime,
    ) -> list[Notice]:
        """Prove that a webhook comes from the product and read it.

        :param secrets: current and previous signing secrets; any may match. None at all refuses.
        :param settings: ``account_id`` (and ``live_mode``) that the events must name.
        :raise BadSignature: it is not proved. :raise BadBody: with the HTTP status that the product
            understands.
        """
        raise BadSignature("no_webhooks")

    @classmethod
    def reply(cls, request: WebhookRequest) -> tuple[int, bytes, str]:
        """What a webhook that was proved and stored is answered: status, body, content type."""
        return cls.ok_status, cls.ok_body, cls.ok_type

    def poll(self, entity: str, cursor: dict | None, now: datetime) -> Page:
        """What changed since ``cursor`` ({} or None: from ``settings['start_date']`` or all)."""
        raise NotImplementedError

    def poll_deleted(self, entity: str, cursor: dict | None, now: datetime) -> Page:
        """Records that the source itself lists as deleted; none where it keeps no such list.

        A cursor with ``resync`` says that the list does not go back to the last pass: the engine then reads
        all changes anew.
        """
        return Page([], cursor or {}, False)

    def listing(self, entity: str, since: datetime, until: datetime) -> Iterator[list[Record]]:
        """All that the source has in a window, part by part, to compare ourselves with it.

        The window is about what ``lists`` says of the entity; ``until`` is outside, except of
        dates. A record without a version is compared by its values only.

        :raise ConnectorError: kind ``connection``, code ``listing_incomplete``, after the last
            part, if what was read does not agree with the source's own count.
        """
        raise ConnectorError("data", "not_supported", params={"operation": "listing"})

    def fetch(self, entity: str, ids: Sequence[str]) -> dict[str, Record]:
        """Records by id, read together where the product can. A missing id is left out."""
        raise NotImplementedError

    def deliver(self, entity: str, writes: Sequence[Write]) -> list[Outcome]:
        """Send changes; one outcome a write, in their order. Faults are in the outcomes."""
        raise NotImplementedError

    def refresh(self, secrets: Mapping[str, str]) -> TokenAnswer:
        """New access token from the refresh token. The engine holds the lease around this."""
        raise ConnectorError("sign_in", "no_refresh")

    def admit(self, code: str, redirect: str, verifier: str) -> TokenAnswer:
        """Tokens for the code that a person's consent brought to the address ``redirect``.

        :param verifier: what the challenge was made of that went with the question (RFC 7636).
        :raise ConnectorError: kind ``sign_in`` if the product takes it not, or not any more.
        """
        raise ConnectorError("sign_in", "no_consent")

    def admitted_account(self) -> str | None:
        """The account that a consent was given for; None if it is not one alone."""
        return self.account_id()

    # -- for the products ---------------------------------------------------------------------

    def _sign_in_headers(self) -> dict[str, str]:
        """Headers that prove who we are."""
        return {}

    def _error_from(self, answer: Answer, write: bool) -> ConnectorError | None:
        """The product's error table."""
        return answer.plain_error(write)

    def _allowances(self, answer: Answer) -> Sequence[Allowance]:
        """What the headers of an answer say of the limits; nothing where the product tells nothing."""
        return ()

    def _secret(self, name: str) -> str:
        value = (self.secrets.get(name) or "").strip()
        if not value:
            raise ConnectorError("sign_in", "secret_missing", params={"secret": name})
        return value

    def _call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | Sequence[tuple[str, Any]] | None = None,
        json: Any = None,
        form: Sequence[tuple[str, str]] | None = None,
        headers: Mapping[str, str] | None = None,
        bucket: str = "default",
        write: bool | None = None,
        base: str | None = None,
    ) -> Answer:
        """One call below ``base_url``; ``path`` may be a full paging link of the same origin.

        An access token that expired is renewed, and the call made once more: what was not let in changed
        nothing.

        :param write: whether the call can change something; a POST that only reads says False.
        :param base: one of ``origins``, for what stands elsewhere.
        :raise ConnectorError: for every answer that is not 2xx, by the product's error table.
        """
        url = self.session.join(base or self.base_url, path)
        if query:
            url += ("&" if "?" in url else "?") + urlencode(query, doseq=True)

        def call() -> Answer:
            answer = self.session.call(
                method,
                url,
                headers={**self._sign_in_headers(), **(headers or {})},
                json=json,
                form=form,
                bucket=bucket,
                write=write,
                classify=self._error_from,
                allowances=self._allowances,
            )
            self.answered = answered_at(answer.headers, self.clock())
            return answer

        try:
            return call()
        except ConnectorError as error:
            if error.code != "token_expired" or not self._renewed():
                raise
        return call()

    def _renewed(self) -> bool:
        """Whether the engine had another access token for us."""
        spent = self.secrets.get("access_token")
        if self.renew is not None:
            self.secrets = self.renew()
        return self.secrets.get("access_token") != spent

    def _begun(self, now: datetime) -> datetime:
        """When the window of the first page just read began: now, or earlier if our clock is ahead."""
        return min(now, self.answered or now)


def path_id(value: Any, pattern: str = r"[0-9]{1,30}") -> str:
    """An id that is safe inside a path: ids come from outside, and ``1/../../x`` is one too.

    :raise ConnectorError: kind ``data``, code ``bad_id``.
    """
    text = str(value)
    if not re.fullmatch(pattern, text):
        raise ConnectorError("data", "bad_id")
    return text


def chunks(items: Sequence[Any], size: int):
    """The items in order, at most ``size`` at a time."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def sift(
    writes: Sequence[Write], refuse: Callable[[Write], ConnectorError | None]
) -> tuple[list[Write], dict[str, Outcome]]:
    """Leave out what cannot be sent.

    :param refuse: gives the fault of a write, or None.
    :return: the writes that may go, and the outcomes of the others by their key.
    """
    ready: list[Write] = []
    outcomes: dict[str, Outcome] = {}
    for write in writes:
        error = refuse(write)
        if error:
            outcomes[write.key] = Outcome(write.key, False, write.external_id, error=error)
        else:
            ready.append(write)
    return ready, outcomes


def rounds(writes: Sequence[Write], size: int) -> Iterator[list[list[Write]]]:
    """Calls for products that take several records at once, in rounds: a call holds at most ``size`` writes of one
    operation, and a round names a record once, because products refuse a call that names it twice. The next change
    of a record goes in the next round, so its changes stay in their order.

    :return: for each round its calls, creates first.
    """
    left = list(writes)
    while left:
        taken: dict[Any, Write] = {}
        for write in left:
            taken.setdefault((write.operation, write.external_id or write.key), write)
        batch = list(taken.values())
        creates = [write for write in batch if write.operation == "create"]
        others = [write for write in batch if write.operation != "create"]
        yield [*chunks(creates, size), *chunks(others, size)]
        # a key that was sent is not sent again
        done = {write.key for write in batch}
        left = [write for write in left if write.key not in done]
