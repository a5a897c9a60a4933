import { registry } from "@web/core/registry";

const tours = registry.category("web_tour.tours");

/** A mapping of a controlled system is edited in its form: refused, proposed instead, simulated, submitted. */
tours.add("hub_change_propose", {
    steps: () => [
        {
            trigger: ".o_field_widget[name='line_ids'] .o_data_row:contains('City') .o_data_cell[name='path']",
            content: "edit the line as always",
            run: "click",
        },
        {
            trigger: ".o_field_widget[name='line_ids'] .o_selected_row .o_field_widget[name='path'] input",
            run: "edit properties.town",
        },
        { trigger: ".o_form_button_save", run: "click" },
        { trigger: ".modal:contains('approved Change only')" },
        { trigger: ".modal button:contains('Propose Instead')", run: "click" },
        { trigger: ".o_form_view .o_data_row:contains('properties.city → properties.town')" },
        { trigger: ".o_field_widget[name='why'] textarea", run: "edit The portal renamed it." },
        { trigger: "button[name='action_simulate']", run: "click" },
        { trigger: ".o_form_view:contains('Simulation') .o_statusbar_status:contains('Finished')" },
        { trigger: ".breadcrumb-item:contains('Change') a, .o_back_button a, .o_back_button", run: "click" },
        { trigger: ".nav-link[name='simulation']", run: "click" },
        { trigger: ".o_field_widget[name='simulation_html']:contains('Would')" },
        { trigger: "button[name='action_submit']", run: "click" },
        { trigger: ".o_arrow_button_current:contains('To approve')" },
        { trigger: "body:not(:has(button[name='action_approve']:visible))", content: "not by its author" },
    ],
});

/** Another person reads it, approves it, and puts it in force. */
tours.add("hub_change_approve", {
    url: "/odoo/hub-changes",
    steps: () => [
        { trigger: ".o_data_row:contains('City') .o_data_cell[name='name']", run: "click" },
        { trigger: ".o_data_row:contains('properties.city → properties.town')" },
        { trigger: "button[name='action_approve']", run: "click" },
        { trigger: ".o_arrow_button_current:contains('Approved')" },
        { trigger: "button[name='action_apply']", run: "click" },
        { trigger: ".modal .modal-footer button.btn-primary", run: "click" },
        { trigger: ".o_arrow_button_current:contains('In force')" },
        { trigger: "button[name='action_undo']" },
    ],
});

/** The mapping editor proposes by itself. */
tours.add("hub_change_editors", {
    steps: () => [
        { trigger: ".alert:contains('Under change control')" },
        { trigger: "button[name='action_editor']", run: "click" },
        { trigger: ".o_hub_save:contains('Propose Change')" },
        { trigger: "tr[data-field='city'] input.o_hub_path", run: "edit properties.place" },
        { trigger: ".o_hub_save:enabled", run: "click" },
        { trigger: ".o_form_view .o_data_row:contains('properties.place')" },
    ],
});
