import { registry } from "@web/core/registry";

const tours = registry.category("web_tour.tours");

/** A rule is written in a form and tried on a stored message before it is saved. */
tours.add("hub_rule", {
    url: "/odoo/hub-rules",
    steps: () => [
        { trigger: ".o_data_row:contains('Hand-over: signed reference')" },
        { trigger: ".o_list_button_add", run: "click" },
        { trigger: ".o_field_widget[name='name'] input", run: "edit Customers have a ZIP" },
        { trigger: ".o_field_widget[name='entity_id'] input", run: "edit Customer" },
        { trigger: ".ui-autocomplete a:contains('Customer'), .o-autocomplete--dropdown-item a:contains('Customer')", run: "click" },
        { trigger: ".o_field_widget[name='effect'] label:contains('Warn')", run: "click" },
        { trigger: ".o_field_widget[name='sentence'] input", run: "edit {name} has no ZIP." },
        // after these: which fields there are is known once the form has heard of the entity
        { trigger: ".o_field_widget[name='field_id'] input", run: "edit ZIP" },
        { trigger: ".o-autocomplete--dropdown-item a:contains('ZIP')", run: "click" },
        { trigger: ".o_field_widget[name='test_message_id'] input", run: "edit 801" },
        { trigger: ".o-autocomplete--dropdown-item a:contains('801')", run: "click" },
        {
            trigger: ".o_field_widget[name='test_html'] .alert-danger:contains('Ädam has no ZIP.')",
            content: "the sentence, with the record's own value",
        },
        { trigger: ".o_field_widget[name='test_html'] code:contains('zip')" },
        { trigger: ".o_form_button_save", run: "click" },
        { trigger: ".o_form_saved" },
    ],
});

/** An approver finds what waits, looks at it, and lets it through; another one is refused with a reason. */
tours.add("hub_approve", {
    url: "/odoo/hub-approvals",
    steps: () => [
        { trigger: ".o_data_row:contains('802'):contains('New customers') .o_data_cell[name='subject']", run: "click" },
        { trigger: ".o_form_view .o_field_widget[name='shown_html'] td:contains('Ädam')" },
        { trigger: ".o_form_view button[name='action_approve']", run: "click" },
        { trigger: ".o_arrow_button_current:contains('Approved')" },
        { trigger: ".o_back_button, .breadcrumb-item a", run: "click" },
        { trigger: ".o_data_row:contains('803') .o_data_cell[name='subject']", run: "click" },
        { trigger: ".o_form_view button[name='action_refuse']", run: "click" },
        { trigger: ".modal .o_field_widget[name='reason'] input", run: "edit Not our customer" },
        { trigger: ".modal button[name='action_confirm']", run: "click" },
        { trigger: ".o_arrow_button_current:contains('Refused')" },
        { trigger: ".o_field_widget[name='reason']:contains('Not our customer')" },
    ],
});

/** A process is set in shadow, for one country. */
tours.add("hub_process_shadow", {
    url: "/odoo/hub-processes",
    steps: () => [
        { trigger: ".o_data_row .o_data_cell:contains('Master data')", run: "click" },
        { trigger: ".o_field_widget[name='mode'] label:contains('Shadow')", run: "click" },
        { trigger: ".o_field_widget[name='country_ids'] input", run: "edit Belgium" },
        { trigger: ".o-autocomplete--dropdown-item a:contains('Belgium')", run: "click" },
        { trigger: ".alert:contains('is in shadow')" },
        { trigger: ".o_form_button_save", run: "click" },
        { trigger: ".o_form_saved" },
    ],
});
