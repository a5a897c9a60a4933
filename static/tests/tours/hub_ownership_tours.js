import { registry } from "@web/core/registry";

const tours = registry.category("web_tour.tours");
const row = (name) => `.o_hub_matrix_table tr[data-field='${name}']`;

/** The matrix: a rule and an owner are chosen, a write-back is granted and seen. */
tours.add("hub_ownership_matrix", {
    url: "/odoo/hub-ownership",
    steps: () => [
        { trigger: ".o_hub_matrix_tabs button:contains('Customer')", run: "click" },
        { trigger: `${row("vat")}:contains('TAX'), ${row("vat")}:contains('Tax number')` },
        {
            trigger: `${row("phone")} select[aria-label='Rule']`,
            content: "whose value counts",
            run: "select system",
        },
        {
            trigger: `${row("phone")}:contains('also when it is emptied') select[aria-label='Owner']`,
            content: "the rule was stored, its help follows it",
            run: "selectByLabel Tour system",
        },
        { trigger: `${row("phone")} .o_hub_matrix_cell .o_hub_matrix_owner` },
        {
            trigger: `${row("balance")} .o_hub_matrix_grant:not(.o_hub_matrix_granted)`,
            content: "mapped, but nobody granted it",
            run: "click",
        },
        { trigger: `${row("balance")} .o_hub_matrix_grant.o_hub_matrix_granted[aria-pressed='true']` },
        {
            trigger: `${row("zip")} select[aria-label='Rule']`,
            run: "select odoo",
        },
        { trigger: `${row("zip")}:contains('What comes in is left out') .o_hub_matrix_deaf` },
    ],
});

/** A conflict: three columns, a choice, a reason; and where the fields come from. */
tours.add("hub_conflict", {
    url: "/odoo/hub-issues",
    steps: () => [
        {
            trigger: ".o_data_row:contains('changed both in Odoo and in Tour system') .o_data_cell[name='sentence']",
            run: "click",
        },
        { trigger: "header button[name='action_decide'], .o_statusbar_buttons button[name='action_decide']", run: "click" },
        { trigger: ".modal .o_data_row:contains('1 First St'):contains('9 Odoo St'):contains('2 Second St')" },
        {
            trigger: ".modal .o_data_row:contains('1 First St') .o_data_cell[name='take']",
            content: "choose a side",
            run: "click",
        },
        {
            trigger: ".modal .o_data_row .o_field_widget[name='take'] input",
            run: "click",
        },
        { trigger: ".o_select_menu_item:contains('The source')", run: "click" },
        {
            trigger: ".modal .o_field_widget[name='reason'] input",
            run: "edit confirmed by phone",
        },
        { trigger: ".modal button[name='action_confirm']:visible", run: "click" },
        { trigger: "body:not(:has(.modal)) .o_form_view" },
    ],
});

/** From a customer's form to the origins of its fields; one that was typed over is released. */
tours.add("hub_origins", {
    steps: () => [
        { trigger: ".o_form_view .o_hub_owned_note:contains('Owned by Tour system')" },
        { trigger: ".o_hub_owned_note button[name='action_hub_origins']", run: "click" },
        { trigger: `${row("name")}:contains('Tour system')` },
        { trigger: `${row("phone")} .o_hub_origin_edited` },
        { trigger: `${row("phone")} button:contains('Release')`, run: "click" },
        { trigger: ".modal .modal-footer button:contains('Release')", run: "click" },
        { trigger: ".o_notification:contains('Released')" },
    ],
});
