import { registry } from "@web/core/registry";

const tours = registry.category("web_tour.tours");

/** Choose a record in the field of a form or of the row that is edited. */
const choose = (field, text) => [
    { trigger: `${field} input`, run: `edit ${text}` },
    { trigger: `.o-autocomplete--dropdown-item a:contains('${text}')`, run: "click" },
];

/** The register: what changes billable values is found, and somebody answers for it. */
tours.add("hub_register", {
    url: "/odoo/hub-register",
    steps: () => [
        { trigger: ".o_data_row:contains('Contact')" },
        { trigger: ".o_searchview_dropdown_toggler", run: "click" },
        { trigger: ".o_filter_menu .o_menu_item:contains('Alters Billable Values')", run: "click" },
        { trigger: ".o_searchview_facet:contains('Alters Billable Values')" },
        { trigger: "body:not(:has(.o_data_cell[name='entity_id']:contains('Contact')))" },
        { trigger: ".o_data_row:contains('Opportunity') .o_data_cell[name='entity_id']", run: "click" },
        { trigger: ".o_notebook .nav-link[name='register']", run: "click" },
        { trigger: ".o_field_widget[name='exchanged']:contains('Amount')" },
        { trigger: ".o_field_widget[name='alters_billable'] input:checked" },
        ...choose(".o_field_widget[name='business_owner_id']", "hub_resolver"),
        { trigger: ".o_form_button_save", run: "click" },
        { trigger: ".o_form_saved" },
    ],
});

/** A word that means something else in one company: only what differs is entered. */
tours.add("hub_vocabulary_overlay", {
    steps: () => [
        { trigger: ".o_notebook .nav-link[name='overlays']", run: "click" },
        { trigger: ".tab-pane:contains('Only what differs')" },
        { trigger: ".o_field_widget[name='overlay_ids'] .o_field_x2many_list_row_add a", run: "click" },
        ...choose(".o_selected_row .o_field_widget[name='company_id']", "Daughter"),
        ...choose(".o_selected_row .o_field_widget[name='system_id']", "Tour system"),
        { trigger: ".o_selected_row .o_field_widget[name='word'] input", run: "edit Chiuso" },
        ...choose(".o_selected_row .o_field_widget[name='term_id']", "Lost"),
        { trigger: ".o_form_button_save", run: "click" },
        { trigger: ".o_form_saved" },
        { trigger: ".o_field_widget[name='overlay_ids'] .o_data_row:contains('Chiuso'):contains('Lost')" },
    ],
});
