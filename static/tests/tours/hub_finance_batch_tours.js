import { registry } from "@web/core/registry";

const LINE = ".o_field_widget[name='line_ids'] .o_data_row";

/** A controller gathers what waits for the ledger, leaves one document out and sends the rest. */
registry.category("web_tour.tours").add("hub_finance_batch", {
    steps: () => [
        { trigger: ".o_list_button_add", content: "a new batch", run: "click" },
        { trigger: ".o_field_widget[name='system_id'] input", run: "edit Ledger" },
        { trigger: ".o-autocomplete--dropdown-item:contains('Ledger')", run: "click" },
        { trigger: "button[name='action_gather']", content: "what waits for the ledger", run: "click" },
        { trigger: ".o_field_widget[name='totals_html'] td:contains('Invoice')", content: "totals by kind" },
        { trigger: `${LINE}:first:contains('does not know this customer')`, content: "warnings first" },
        { trigger: `${LINE}:last button[name='action_leave_out']`, content: "one waits for the next batch", run: "click" },
        { trigger: `${LINE}:contains('Left Out')` },
        { trigger: "button[name='action_approve']", content: "the rest is sent", run: "click" },
        { trigger: ".modal .modal-footer .btn-primary", run: "click" },
        { trigger: ".o_arrow_button_current:contains('Decided')" },
        { trigger: `${LINE}:contains('On Its Way')` },
    ],
});
