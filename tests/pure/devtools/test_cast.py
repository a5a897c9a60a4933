"""The products that play in the demo: how they are chosen, and that all of one kind tell the same story."""

import contextlib
import importlib
from types import SimpleNamespace

import pytest

from devtools.steps import Stop
from devtools.story import cast
from devtools.story.acts import LINES
from devtools.story.time_and_bill import APPROVED_HOURS, ENTRIES, EXPENSES
from lead_to_cash_hub.connectors import get_connector_class
from sandbox.base import Sandbox


def _of(kind):
    return [name for name, player in cast.PLAYERS.items() if player.kind == kind]


@pytest.fixture
def join():
    """A function that starts a product's sandbox and gives its player."""
    with contextlib.ExitStack() as stack:

        def start(name):
            module = importlib.import_module(f"sandbox.{name}")
            (made,) = (
                one
                for one in vars(module).values()
                if isinstance(one, type)
                and issubclass(one, Sandbox)
                and one.__module__ == module.__name__
            )
            running = stack.enter_context(made().start())
            world = SimpleNamespace(
                ids={"systems": dict.fromkeys(cast.KINDS, 1)},
                context=SimpleNamespace(sandboxes={name: running.url}),
            )
            return running, cast.join(world)[cast.PLAYERS[name].kind]

        yield start


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        (cast.USUAL, ("hubspot", "harvest", "stripe")),
        ("salesforce,clockify,stripe,xero", ("salesforce", "clockify", "stripe", "xero")),
        ("xero, Stripe ,clockify,salesforce,", ("salesforce", "clockify", "stripe", "xero")),
        ("quickbooks", ("hubspot", "harvest", "stripe", "quickbooks")),
        ("clockify", ("hubspot", "clockify", "stripe")),
    ],
)
def test_products_are_named_in_any_order_and_the_usual_ones_play_the_rest(text, chosen):
    assert cast.choose(text) == chosen


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("pipedrive", "The demo has no product “pipedrive”."),
        ("hubspot,salesforce", "“hubspot” and “salesforce” both name the CRM."),
        ("xero,stripe,quickbooks", "“xero” and “quickbooks” both name the accounting ledger."),
        ("harvest,harvest", "“harvest” and “harvest” both name the time tracker."),
        (" , ", "--with names no product."),
    ],
)
def test_what_cannot_play_is_refused_with_a_sentence_and_what_to_do(text, sentence):
    with pytest.raises(Stop) as stop:
        cast.choose(text)
    first, advice = str(stop.value).split("\n")
    assert first == sentence
    assert advice.strip()


@pytest.mark.parametrize("name", cast.PLAYERS)
def test_a_player_enters_what_its_connector_asks_for(name, join):
    running, player = join(name)
    entered = player.connection(running.url)
    connector = get_connector_class(name)
    assert entered["values"]["product"] == name
    assert entered["values"]["name"] == player.label == connector.label
    assert entered["secrets"].keys() <= {field.name for field in connector.auth}
    required = {field.name for field in connector.auth if field.required}
    # a token that is entered by hand stands for what would get one
    assert required <= entered["secrets"].keys() or "access_token" in entered["secrets"]


@pytest.mark.parametrize("name", _of("crm"))
def test_a_deal_is_sold_alike_in_each_crm(name, join):
    running, crm = join(name)
    crm.hire("Rita", "Resolver", "rita@northwind.example")
    company = {"name": "Acme", "domain": "acme.example", "vat": "DE1", "country": "Germany"}
    contact = {"first": "Zoë", "last": "Park", "email": "zoe@acme.example", "language": "en"}
    made = crm.deal("Acme rollout", company, LINES, [contact], start="2026-11-03")
    again = crm.deal("Acme audit", made["company"], LINES[:1])
    assert again["company"] == made["company"] and again["deal"] != made["deal"]
    amounts = [
        value
        for name, value in crm.record("deal", made["deal"]).items()
        if name.lower() == "amount"
    ]
    assert [float(amount) for amount in amounts] == [48000.0]
    running.sandbox.sender.clear()
    crm.close(made["deal"])
    crm.phone(made["company"], "+1 617 555 0142")
    assert len(running.sandbox.sender.pending) >= 2, "both are told by webhook"
    assert crm.figures(made, "company", ["balance"]) == {"balance": None}


@pytest.mark.parametrize("name", _of("tracker"))
def test_the_same_work_stands_in_each_tracker(name, join):
    _running, tracker = join(name)
    tracker.hire(
        [("Ann", "Lee", "a@x.example"), ("Bob", "Ruiz", "b@x.example"), ("M.", "O", "m@x.example")]
    )
    (client,) = tracker.seed(clients=[{"name": "Acme"}])["clients"]
    place = (
        {"client": client, "code": "C-1"}
        if name == "harvest"
        else {"clientId": client, "note": "x\n[C-1]"}
    )
    (project,) = tracker.seed(projects=[{"name": "Rollout", **place}])["projects"]
    for task in ("Analysis", "Build"):
        at = {} if name == "harvest" else {"projectId": project}
        (key,) = tracker.seed(tasks=[{"name": task, **at}])["tasks"]
        if name == "harvest":
            tracker.seed(task_assignments=[{"project": project, "task": key}])
    assert tracker.projects("C-2") == []
    ((found, tasks, people),) = tracker.projects("C-1")
    assert (found, sorted(tasks), people) == (project, ["Analysis", "Build"], [])
    tracker.book((found, tasks, people), ENTRIES, EXPENSES)
    assert tracker.counts() == [40, 31, 2]
    assert tracker.hours() == APPROVED_HOURS


def test_what_stands_in_a_ledger_is_named_by_number_and_total(join):
    _running, xero = join("xero")
    xero.seed(
        Invoices=[{"InvoiceNumber": "INV/1", "Total": 37318.36}],
        CreditNotes=[{"CreditNoteNumber": "RINV/1", "Total": 500}],
    )
    assert xero.documents() == [["INV/1", "37318.36"], ["RINV/1", "500.00"]]
    _running, quickbooks = join("quickbooks")
    quickbooks.seed(CreditMemo=[{"DocNumber": "RINV/1", "TotalAmt": 500}])
    assert quickbooks.documents() == [["RINV/1", "500.00"]]
