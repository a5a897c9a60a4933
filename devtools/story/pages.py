"""Pictures of pages that the story itself does not pass: connecting a system, a billing run, the bank."""

from datetime import date

IBAN = "DE89370400440532013000"
MODAL = ".modal .o_form_view"


def show(world):
    """Take the pictures; only where `--screens` asked for them, after the story has proved what it proves."""
    if not world.context.screens:
        return
    _connect(world.context)
    _billing_run(world)
    _bank(world)


def _connect(context):
    page = context.screens.page
    context.screen("connect", "/odoo/action-lead_to_cash_hub.hub_connect_action")
    page.wait_for_selector(".o_form_view")


def _billing_run(world):
    run = world.create("hub.billing.batch", {"date_to": date.today().isoformat()})
    world.call("hub.billing.batch", "action_propose", [run])
    world.context.screen("billing_run", f"/odoo/hub-billing-runs/{run}")
    world.context.screen("billing_runs", "/odoo/hub-billing-runs")


def _bank(world):
    page = world.context.screens.page
    journal = world.create("account.journal", {"name": "Main Bank", "type": "bank", "code": "MBK"})
    company = world.ids["company"]
    partner = world.read("res.company", [("id", "=", company)], ["partner_id"])[0]["partner_id"][0]
    account = world.create("res.partner.bank", {"acc_number": IBAN, "partner_id": partner})
    world.call("account.journal", "write", [journal], vals={"bank_account_id": account})
    first, second = _open(world, 2500, "Bluebird Ltd"), _open(world, 1800, "Cedar & Sons")
    world.context.screens.take("bank_lines_empty", "/odoo/hub-bank-lines")
    page.click("button:has-text('Import Bank File')")
    page.set_input_files(
        f"{MODAL} .o_field_widget[name=file] input[type=file]",
        {
            "name": "statement.xml",
            "mimeType": "text/xml",
            "buffer": _statement(
                (2500, first, "Bluebird Ltd"),
                (1750, second, "Cedar & Sons"),
                (900, "thank you", "Somebody"),
                (-12, "Fee of the month", "The Bank"),
            ),
        },
    )
    page.click(".modal button[name=action_check]:has-text('Look into')")
    page.wait_for_selector(f"{MODAL} .o_field_widget[name=entry_ids] .o_data_row")
    world.context.screens.shoot("bank_import")
    page.click(".modal button[name=action_import]")
    page.wait_for_selector(".o_list_view .o_data_row")
    world.context.screens.shoot("bank_imported")
    world.context.screens.take("bank_lines", "/odoo/hub-bank-lines")
    page.click(".o_list_view .o_data_row:has-text('Fee of the month') button:has-text('Post')")
    page.wait_for_selector(f"{MODAL} .o_field_widget[name=line_ids] .o_data_row")
    world.context.screens.shoot("bank_post")
    line = world.read(
        "account.bank.statement.line", [("hub_match", "=", "proposed")], ["id"], limit=1
    )
    world.context.screens.take("bank_line", f"/odoo/hub-bank-lines/{line[0]['id']}")


def _open(world, amount, name):
    """A posted invoice that no contract made; answers its number."""
    move = world.create(
        "account.move",
        {
            "move_type": "out_invoice",
            "partner_id": world.create("res.partner", {"name": name, "is_company": True}),
            "invoice_line_ids": [[0, 0, {"name": "Work", "price_unit": amount, "tax_ids": []}]],
        },
    )
    world.call("account.move", "action_post", [move])
    return world.read("account.move", [("id", "=", move)], ["name"])[0]["name"]


def _statement(*movements):
    """A CAMT.053 of today, as a bank makes it."""
    today = date.today().isoformat()

    def money(amount):
        sign = "DBIT" if amount < 0 else "CRDT"
        return f'<Amt Ccy="USD">{abs(amount):.2f}</Amt><CdtDbtInd>{sign}</CdtDbtInd>'

    def entry(amount, text, name):
        side = "Cdtr" if amount < 0 else "Dbtr"
        name = name.replace("&", "&amp;")
        return (
            f"<Ntry>{money(amount)}<Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>{today}</Dt></BookgDt><NtryDtls><TxDtls>"
            f"<RltdPties><{side}><Pty><Nm>{name}</Nm></Pty></{side}></RltdPties>"
            f"<RmtInf><Ustrd>{text}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>"
        )

    def balance(code, amount):
        return f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>{money(amount)}</Bal>"

    closing = 1000 + sum(amount for amount, _text, _name in movements)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><Stmt><Id>42</Id>'
        f"<Acct><Id><IBAN>{IBAN}</IBAN></Id><Ccy>USD</Ccy></Acct>{balance('OPBD', 1000)}{balance('CLBD', closing)}"
        f"{''.join(entry(*movement) for movement in movements)}</Stmt></BkToCstmrStmt></Document>"
    ).encode()
