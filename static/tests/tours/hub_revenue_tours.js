import { registry } from "@web/core/registry";

const tours = registry.category("web_tour.tours");
const FINDING = ".o_field_widget[name='finding_ids'] .o_data_row";

/** A resolver proposes the revenue of a month; an estimate is missing, is entered where it stands, and proposed again. */
tours.add("hub_revenue_propose", {
    steps: () => [
        { trigger: "button[name='action_propose']:contains('Propose')", content: "work it out", run: "click" },
        { trigger: ".o_arrow_button_current:contains('To Approve')" },
        { trigger: ".alert-danger:contains('block this run')" },
        {
            trigger: `${FINDING}:contains('nobody has said how many') button[name='action_open']`,
            content: "go where it is mended",
            run: "click",
        },
        {
            trigger: ".o_data_row:contains('Fixed fee') .o_data_cell[name='estimate_hours']",
            content: "say how many hours are left",
            run: "click",
        },
        { trigger: ".o_data_row .o_field_widget[name='estimate_hours'] input", run: "edit 40" },
        { trigger: ".o_list_button_save", run: "click" },
        { trigger: "body:not(:has(.o_list_button_save))" },
        { trigger: ".breadcrumb-item a:contains('June 2025')", run: "click" },
        { trigger: "button[name='action_propose']:contains('Propose Again')", run: "click" },
        { trigger: "body:not(:has(.alert-danger:visible:contains('block this run')))" },
        { trigger: ".nav-link:contains('Positions')", run: "click" },
        { trigger: ".o_field_widget[name='line_ids'] .o_data_row:contains('300.00')" },
        { trigger: ".o_field_widget[name='closing']:contains('300.00')" },
    ],
});

/** An approver looks at the roll-forward and posts it; the accounts hold what the run says. */
tours.add("hub_revenue_approve", {
    steps: () => [
        { trigger: ".o_field_widget[name='recognised']:contains('300.00')" },
        { trigger: "button[name='action_approve']:contains('Approve and Post')", run: "click" },
        { trigger: ".modal .modal-footer .btn-primary", run: "click" },
        { trigger: ".o_arrow_button_current:contains('Posted')" },
        { trigger: ".o_field_widget[name='ledger_balance']:contains('300.00')" },
        { trigger: ".o_field_widget[name='difference']:contains('0.00')" },
        { trigger: "button[name='action_view_entries']", content: "see the entries", run: "click" },
        { trigger: ".o_list_view .o_data_row:contains('Revenue June 2025')" },
        { trigger: ".o_list_view .o_data_row:contains('Reversal of')" },
    ],
});
