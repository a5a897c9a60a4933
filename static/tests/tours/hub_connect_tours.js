import { registry } from "@web/core/registry";

const tours = registry.category("web_tour.tours");

/** A portal is connected: product, sign-in, what to exchange, a try on its records, the first load. */
tours.add("hub_connect", {
    url: "/odoo/hub-connect",
    steps: () => [
        { trigger: ".o_hub_connect .o_arrow_button_current:contains('Product')" },
        { trigger: ".o_field_widget[name='product'] label:contains('HubSpot')", run: "click" },
        { trigger: ".o_field_widget[name='name'] input:value(HubSpot)", run: "edit HubSpot by tour" },
        { trigger: ".o_field_widget[name='environment'] label:contains('Sandbox')", run: "click" },
        { trigger: "button[name='action_make']", run: "click" },
        { trigger: ".o_arrow_button_current:contains('Sign In')" },
        { trigger: ".alert-info:contains('portal id')", content: "what the product needs is said" },
        { trigger: ".o_field_widget[name='account_ref'] input", run: "edit 49648261" },
        { trigger: ".o_data_row:contains('Access token') .o_data_cell[name='secret']", run: "click" },
        { trigger: ".o_selected_row .o_field_widget[name='secret'] input", run: "edit pat-na1-sandbox-token" },
        { trigger: ".o_data_row:contains('App client secret') .o_data_cell[name='secret']", run: "click" },
        {
            trigger: ".o_selected_row:contains('App client secret') .o_field_widget[name='secret'] input",
            run: "edit sandbox-client-secret",
        },
        { trigger: "button[name='action_test']", run: "click" },
        { trigger: ".o_field_widget[name='check_text']:contains('49648261')" },
        { trigger: "button[name='action_exchange']", run: "click" },
        { trigger: ".o_arrow_button_current:contains('What to Exchange')" },
        { trigger: ".o_field_widget[name='stream_ids'] .o_data_row:contains('Customer')" },
        { trigger: "button[name='action_choose']", run: "click" },
        { trigger: ".o_arrow_button_current:contains('Try It')" },
        { trigger: "button[name='action_try']", run: "click" },
        { trigger: ".o_field_widget[name='report_html'] td:contains('Would be applied')" },
        { trigger: "button[name='action_load']:contains('Go Live'):not(:contains('Without'))", run: "click" },
        { trigger: ".modal button.btn-primary", run: "click" },
        { trigger: ".o_arrow_button_current:contains('First Load')" },
        { trigger: "button[name='action_finish']", run: "click" },
        { trigger: ".o_form_view .o_field_widget[name='webhook_url'], .o_form_view .o_field_widget[name='base_url']" },
    ],
});
