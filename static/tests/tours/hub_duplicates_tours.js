import { registry } from "@web/core/registry";

const tours = registry.category("web_tour.tours");

/** Duplicates: a group is opened, compared side by side, and merged with a chosen address. */
tours.add("hub_duplicates", {
    url: "/odoo/hub-duplicates",
    steps: () => [
        {
            trigger: ".o_data_row:contains('Globex GmbH'):contains('the same telephone'):contains('Tour system') .o_data_cell[name='sentence'], .o_data_row:contains('Globex GmbH') .o_data_cell[name='sentence']",
            run: "click",
        },
        {
            trigger: ".o_hub_side_by_side tr[data-field='address']:contains('New Street 2'):contains('Old Street 1')",
        },
        { trigger: ".o_hub_side_by_side .o_hub_links:contains('Tour system 70'):contains('Second system 9')" },
        {
            trigger: ".o_hub_side_by_side th[data-partner]:contains('<img src=x') input[type='radio']",
            content: "a name is only text; choose who stays",
            run: "click",
        },
        {
            trigger: ".o_hub_side_by_side tr[data-field='address'] label:contains('New Street 2') input",
            run: "click",
        },
        {
            trigger: ".o_hub_side_by_side tr[data-field='name'] label:contains('Globex GmbH') input",
            run: "click",
        },
        { trigger: ".o_hub_side_by_side .o_hub_merge:enabled", run: "click" },
        { trigger: ".modal:contains('cannot be undone') .btn-primary", run: "click" },
        { trigger: ".o_notification:contains('merged into')" },
        { trigger: ".o_form_view .o_field_widget[name='decision']:contains('merged into')" },
    ],
});

/** Not the same: said, and taken back. */
tours.add("hub_duplicates_apart", {
    url: "/odoo/hub-duplicates",
    steps: () => [
        { trigger: ".o_data_row:contains('Globex GmbH') .o_data_cell[name='sentence']", run: "click" },
        { trigger: "button[name='action_keep_apart']:enabled", run: "click" },
        { trigger: ".o_form_view .o_field_widget[name='decision']:contains('Not the same')" },
        { trigger: "button[name='action_ask_again']:enabled", run: "click" },
        { trigger: "button[name='action_keep_apart']:enabled" },
    ],
});

/** Thresholds: tried on the firm's own customers, then used. */
tours.add("hub_likeness", {
    url: "/odoo/hub-likeness",
    steps: () => [
        { trigger: ".o_field_widget[name='link_from'] input", run: "edit 90" },
        { trigger: "button[name='action_try']:enabled", run: "click" },
        { trigger: ".o_data_row:contains('Globex GmbH'):contains('the same telephone')" },
        { trigger: "button[name='action_save']:enabled", run: "click" },
        { trigger: ".modal .btn-primary", run: "click" },
        { trigger: ".o_field_widget[name='now_link']:contains('90')" },
    ],
});
