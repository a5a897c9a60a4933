import { registry } from "@web/core/registry";

const tours = registry.category("web_tour.tours");
const LINE = ".o_field_widget[name='line_ids'] .o_data_row";

/** A resolver proposes a billing run: what is blocked comes first, with what to do about it. */
tours.add("hub_billing_propose", {
    steps: () => [
        { trigger: ".o_list_button_add", content: "a new run", run: "click" },
        { trigger: ".o_form_view .o_field_widget[name='date_to']" },
        { trigger: "button[name='action_propose']", content: "see what can be billed", run: "click" },
        { trigger: ".o_arrow_button_current:contains('To Approve')" },
        {
            trigger: `${LINE}:first:contains('Purchase order number missing'):contains('Left out')`,
            content: "what is blocked comes first",
        },
        { trigger: `${LINE}:contains('Not approved'):contains('To approve')` },
        {
            trigger: "button[name='action_view_findings']",
            content: "what is left out, by reason",
            run: "click",
        },
        { trigger: ".o_group_header:contains('Purchase order number missing')" },
        { trigger: ".o_group_header:contains('Not approved')" },
    ],
});

/** An approver leaves one bad line out and has the rest billed. */
tours.add("hub_billing_approve", {
    steps: () => [
        { trigger: ".o_data_row .o_data_cell[name='name']", content: "open the run", run: "click" },
        {
            trigger: `${LINE}:contains('Disagreed') button[name='action_leave_out']`,
            content: "one bad line is left out",
            run: "click",
        },
        { trigger: `${LINE}:contains('Disagreed'):contains('Left out')` },
        {
            trigger: "button[name='action_approve']:contains('Approve and Post')",
            content: "the rest is billed",
            run: "click",
        },
        { trigger: ".modal .modal-footer .btn-primary", run: "click" },
        { trigger: ".o_arrow_button_current:contains('Done')" },
        { trigger: `${LINE}:contains('Agreed'):contains('Billed')` },
        { trigger: "button[name='action_view_invoices']:contains('1')", run: "click" },
        { trigger: ".o_list_view .o_data_row:contains('INV/')" },
    ],
});

/** A resolver decides what becomes of billed time that changed in its source. */
tours.add("hub_correct_billed", {
    steps: () => [
        { trigger: ".o_data_row:contains('8 h to 6 h') .o_data_cell[name='sentence']", run: "click" },
        { trigger: ".o_form_view button[name='action_correct']", content: "choose what becomes of it", run: "click" },
        { trigger: ".modal .o_field_widget[name='sentence']:contains('8 h to 6 h')" },
        { trigger: ".modal .o_field_widget[name='consequence']:contains('1,200.00')" },
        { trigger: ".modal .o_radio_item:contains('Adjust') input", content: "another choice", run: "click" },
        {
            trigger: ".modal .o_field_widget[name='consequence']:contains('2 h')",
            content: "its consequence is said before",
        },
        { trigger: ".modal .o_radio_item:contains('bill again') input", run: "click" },
        { trigger: ".modal .o_field_widget[name='consequence']:contains('1,200.00')" },
        { trigger: ".modal .o_field_widget[name='reason'] input", run: "edit Agreed with Acme" },
        { trigger: ".modal button[name='action_confirm']", content: "carry it out", run: "click" },
        { trigger: "body:not(:has(.modal))" },
    ],
});

/** An approver approves the credit note; the entry takes over what the source says. */
tours.add("hub_correct_approve", {
    steps: () => [
        { trigger: ".o_form_view:contains('Agreed with Acme')" },
        { trigger: "button[name='action_hub_approve']", content: "approve the credit note", run: "click" },
        { trigger: ".o_arrow_button_current:contains('Posted')" },
    ],
});

/** An approver writes off what somebody else proposed. */
tours.add("hub_write_off_approve", {
    steps: () => [
        { trigger: ".o_data_row:contains('Goodwill of June') .o_data_cell[name='reason']", run: "click" },
        { trigger: ".o_form_view .o_field_widget[name='amount']:contains('300.00')" },
        { trigger: "button[name='action_approve']", content: "write it off", run: "click" },
        { trigger: ".modal .modal-footer .btn-primary", run: "click" },
        { trigger: ".o_arrow_button_current:contains('Written off')" },
    ],
});
