import { registry } from "@web/core/registry";

const tours = registry.category("web_tour.tours");
const ROWS = ".o_field_widget[name='instalment_ids']";

/** A resolver writes two instalments of a fee, starts the contract and proposes a run. */
tours.add("hub_schedule_write", {
    steps: () => [
        {
            trigger: ".o_field_widget[name='line_ids'] .o_data_row:contains('Rollout') button[name='action_view_schedule']",
            content: "the instalments of the fee",
            run: "click",
        },
        { trigger: ".o_form_view .o_field_widget[name='unplanned']:contains('90,000.00')" },
        { trigger: `${ROWS} .o_field_x2many_list_row_add a`, content: "the first", run: "click" },
        { trigger: `${ROWS} .o_selected_row [name='date'] input`, run: "edit 03/01/2025 && press Tab" },
        { trigger: `${ROWS} .o_selected_row [name='name'] input`, run: "edit On signature" },
        { trigger: `${ROWS} .o_selected_row [name='fixed'] input`, run: "edit 30000" },
        { trigger: ".o_form_view .oe_title", content: "leave the row", run: "click" },
        { trigger: ".o_field_widget[name='unplanned']:contains('60,000.00')" },
        { trigger: `${ROWS} .o_field_x2many_list_row_add a`, content: "the rest", run: "click" },
        { trigger: `${ROWS} .o_selected_row [name='date'] input`, run: "edit 06/01/2025 && press Tab" },
        { trigger: `${ROWS} .o_selected_row [name='name'] input`, run: "edit At the end" },
        { trigger: ".o_form_view .oe_title", run: "click" },
        { trigger: ".o_field_widget[name='unplanned']:not(:contains('60,000.00'))" },
        { trigger: `${ROWS} .o_data_row:contains('At the end'):contains('60,000.00')` },
        { trigger: ".o_form_button_save", run: "click" },
        { trigger: ".o_form_saved, .o_form_status_indicator_buttons.invisible" },
        { trigger: ".breadcrumb-item:last a, .o_back_button", content: "back to the contract", run: "click" },
        { trigger: "button[name='action_activate']", content: "start it", run: "click" },
        { trigger: ".o_arrow_button_current:contains('Active')" },
        {
            trigger: "button[name='action_view_instalments']:contains('2')",
            content: "what comes when",
            run: "click",
        },
        { trigger: ".o_list_view .o_data_row:contains('At the end'):contains('60,000.00')" },
        {
            trigger: "body",
            content: "a run until the end of March",
            run: () => window.location.assign("/odoo/hub-billing-runs/new"),
            expectUnloadPage: true,
        },
        { trigger: ".o_form_view .o_field_widget[name='date_to'] button", run: "click" },
        { trigger: ".o_form_view .o_field_widget[name='date_to'] input", run: "edit 03/31/2025 && press Tab" },
        { trigger: "button[name='action_propose']", run: "click" },
        { trigger: ".o_arrow_button_current:contains('To Approve')" },
        { trigger: ".o_field_widget[name='line_ids'] .o_data_row:contains('30,548.39')" },
    ],
});

/** An approver has it billed. */
tours.add("hub_schedule_approve", {
    steps: () => [
        { trigger: ".o_field_widget[name='line_ids'] .o_data_row:contains('30,548.39')" },
        { trigger: "button[name='action_approve']:contains('Approve and Post')", run: "click" },
        { trigger: ".modal .modal-footer .btn-primary", run: "click" },
        { trigger: ".o_arrow_button_current:contains('Done')" },
        { trigger: "button[name='action_view_invoices']:contains('1')", run: "click" },
        { trigger: ".o_list_view .o_data_row:contains('INV/')", run: "click" },
    ],
});
