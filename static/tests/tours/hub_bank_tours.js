import { registry } from "@web/core/registry";

const tours = registry.category("web_tour.tours");
const MODAL = ".modal .o_form_view";

const entry = (amount, text, name) => `<Ntry><Amt Ccy="USD">${amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd>
    <Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>2025-07-15</Dt></BookgDt><NtryDtls><TxDtls>
    <RltdPties><Dbtr><Pty><Nm>${name}</Nm></Pty></Dbtr></RltdPties>
    <RmtInf><Ustrd>${text}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>`;
const balance = (code, amount) => `<Bal><Tp><CdOrPrtry><Cd>${code}</Cd></CdOrPrtry></Tp>
    <Amt Ccy="USD">${amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd></Bal>`;
const FILE = `<?xml version="1.0" encoding="UTF-8"?>
    <Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><Stmt><Id>42</Id>
    <Acct><Id><IBAN>DE89370400440532013000</IBAN></Id><Ccy>USD</Ccy></Acct>
    ${balance("OPBD", "1000.00")}${balance("CLBD", "1610.00")}
    ${entry("250.00", "Invoice TOUR-10001", "Acme")}
    ${entry("240.00", "Invoice TOUR-10002", "Acme")}
    ${entry("120.00", "advance", "Somebody")}</Stmt></BkToCstmrStmt></Document>`;

/** Put a file into the field as a person does by choosing it. */
function choose(input, text) {
    const transfer = new DataTransfer();
    transfer.items.add(new File([text], "statement.xml", { type: "text/xml" }));
    input.files = transfer.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
}

/** A bank's file is looked into, imported and matched. */
tours.add("hub_bank_import", {
    steps: () => [
        { trigger: "button:contains('Import Bank File')", run: "click" },
        {
            trigger: `${MODAL} .o_field_widget[name='file'] .o_select_file_button`,
            content: "choose the file that the bank made",
            run: () =>
                choose(document.querySelector(".modal .o_field_widget[name='file'] input[type='file']"), FILE),
        },
        { trigger: `${MODAL} .o_field_widget[name='file'] .o_clear_file_button` },
        { trigger: ".modal button[name='action_check']:contains('Look into')", run: "click" },
        {
            trigger: `${MODAL} .o_field_widget[name='statement_ids'] .o_data_row:contains('Main Bank')`,
            content: "its account, days, balances and sums",
        },
        { trigger: `${MODAL} .o_field_widget[name='entry_ids'] .o_data_row:contains('New')` },
        { trigger: ".modal button[name='action_import']", run: "click" },
        {
            trigger: ".o_list_view .o_data_row:contains('Matched by itself')",
            content: "what is certain is matched",
        },
        { trigger: ".o_list_view .o_data_row:contains('Proposed')" },
    ],
});

/** Lines of the bank are decided about. */
tours.add("hub_bank_lines", {
    steps: () => [
        {
            trigger: ".o_data_row:contains('less than what is open') button[name='action_hub_accept']",
            content: "accept what is proposed",
            run: "click",
        },
        { trigger: ".o_list_view:not(:contains('less than what is open'))" },
        {
            trigger: ".o_data_row:contains('advance') button[name='action_hub_choose']",
            content: "nothing fits: choose the customer whose money it is",
            run: "click",
        },
        { trigger: `${MODAL} .o_field_widget[name='partner_id'] input`, run: "edit Acme" },
        { trigger: ".o-autocomplete--dropdown-item:contains('Acme Ltd')", run: "click" },
        { trigger: `${MODAL} .o_field_widget[name='rest_text']:contains('unapplied cash')` },
        { trigger: ".modal button[name='action_settle']", run: "click" },
        { trigger: ".o_list_view .o_nocontent_help, .o_list_view:not(:contains('advance'))" },
        { trigger: ".o_searchview .o_facet_remove", content: "see the settled ones too", run: "click" },
        {
            trigger: ".o_data_row:contains('Matched by itself') button[name='action_hub_undo']",
            content: "take one match back",
            run: "click",
        },
        { trigger: ".modal .modal-footer .btn-primary", run: "click" },
        { trigger: ".o_data_row:contains('took the match back'):contains('To decide')" },
    ],
});
