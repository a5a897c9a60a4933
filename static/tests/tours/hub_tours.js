import { registry } from "@web/core/registry";
import { stepUtils } from "@web_tour/tour_utils";

const tours = registry.category("web_tour.tours");
const APP = ".o_app[data-menu-xmlid='lead_to_cash_hub.hub_menu_root']";

/** From the apps menu to the operations page, to a system, to its connection test. */
tours.add("hub_operations", {
    url: "/odoo",
    steps: () => [
        stepUtils.showAppsMenuItem(),
        { trigger: APP, content: "open the hub", run: "click" },
        { trigger: ".o_hub_operations .o_hub_tiles", content: "operations come first" },
        { trigger: ".o_hub_bars li:contains('Failed') .o_hub_bar_count:contains('1')" },
        { trigger: ".o_hub_causes .o_hub_cause_sentence:contains('Signed off')" },
        {
            trigger: ".o_hub_card_name:contains('Tour system')",
            content: "a card leads to its system",
            run: "click",
        },
        { trigger: ".o_form_view button[name='action_test_connection']" },
        {
            trigger: "a[name='credentials']",
            content: "secrets are listed, never shown",
            run: "click",
        },
        { trigger: ".o_field_widget[name='credential_ids'] .o_list_renderer" },
        { trigger: ".o_menu_sections a:contains('Operations')", run: "click" },
        {
            trigger: ".o_hub_bars li:contains('Failed') a",
            content: "a figure leads to the list behind it",
            run: "click",
        },
        { trigger: ".o_list_view .o_data_row:contains('900')" },
    ],
});

/** An unknown word: seen as an issue, mapped to a term, and its message goes on. */
tours.add("hub_map_word", {
    url: "/odoo/hub-issues",
    steps: () => [
        {
            trigger: ".o_data_row:contains('Signed off') .o_data_cell[name='sentence']",
            content: "open the cause",
            run: "click",
        },
        { trigger: ".o_form_view .o_field_widget[name='exception_count']" },
        { trigger: "button[name='action_map']:contains('Map the Word')", run: "click" },
        {
            trigger: ".modal .o_field_widget[name='term_id'] input",
            content: "choose the term",
            run: "edit Won",
        },
        { trigger: ".ui-autocomplete a:contains('Won')", run: "click" },
        { trigger: ".modal button[name='action_confirm']:visible", run: "click" },
        { trigger: "body:not(:has(.modal)) .o_form_view" },
        {
            trigger: ".o_menu_sections button:contains('Flow'), .o_menu_sections a:contains('Flow')",
            content: "the message is in the queue again",
            run: "click",
        },
        { trigger: "[data-menu-xmlid='lead_to_cash_hub.hub_menu_messages']", run: "click" },
        { trigger: ".o_list_view .o_data_row:contains('900'):contains('Pending')" },
    ],
});

/** The mapping editor: a value is picked from a real payload, shown live, and saved. */
tours.add("hub_mapping_editor", {
    steps: () => [
        {
            trigger: "button[name='action_editor']",
            content: "open the editor from the mapping's form",
            run: "click",
        },
        { trigger: ".o_hub_mapping tr[data-field='name'] .o_hub_canonical:contains('Ädam')" },
        {
            trigger: ".o_hub_mapping tr[data-field='city'] .o_hub_path",
            content: "choose a field",
            run: "click",
        },
        {
            trigger: ".o_hub_node[data-path='properties.town']",
            content: "and its value in the payload",
            run: "click",
        },
        { trigger: ".o_hub_mapping tr[data-field='city'] .o_hub_canonical:contains('Ulm')" },
        {
            trigger: ".o_hub_mapping tr[data-field='phone'] .o_hub_path",
            content: "a path that is none says so at once",
            run: "edit properties.[",
        },
        { trigger: ".o_hub_mapping tr[data-field='phone'] .o_hub_problem" },
        {
            trigger: ".o_hub_mapping tr[data-field='phone'] .o_hub_path",
            run: "edit properties.phone",
        },
        {
            trigger: ".o_hub_mapping tr[data-field='phone']:not(:has(.o_hub_problem))",
        },
        { trigger: ".o_hub_save:not(:disabled)", content: "keep it", run: "click" },
        { trigger: ".o_notification:contains('Saved')" },
        { trigger: ".o_hub_save:disabled" },
    ],
});

/** The same of what leaves: a path is changed beside the payload that would be sent. */
tours.add("hub_mapping_editor_sent", {
    steps: () => [
        {
            trigger: "button[name='action_editor']:visible",
            content: "open the editor from the mapping's form",
            run: "click",
        },
        { trigger: ".o_hub_node[data-path='odoo_balance']:contains('12.50')" },
        { trigger: ".o_hub_mapping tr[data-field='balance'] .o_hub_canonical:contains('12.50')" },
        {
            trigger: ".o_hub_mapping tr[data-field='balance'] .o_hub_path",
            content: "a path that cannot be sent says so at once",
            run: "edit finance[0]",
        },
        { trigger: ".o_hub_mapping tr[data-field='balance'] .o_hub_problem" },
        { trigger: ".o_hub_mapping_stop" },
        {
            trigger: ".o_hub_mapping tr[data-field='balance'] .o_hub_path",
            run: "edit finance.balance",
        },
        { trigger: ".o_hub_node[data-path='finance.balance']:contains('12.50')", run: "click" },
        { trigger: ".o_hub_mapping tr.o_hub_selected[data-field='balance']" },
        { trigger: ".o_hub_save:not(:disabled)", content: "keep it", run: "click" },
        { trigger: ".o_notification:contains('Saved')" },
        { trigger: ".o_hub_save:disabled" },
    ],
});

/** Failed messages of one cause: planned, simulated and replayed; what became of them is shown. */
tours.add("hub_replay", {
    url: "/odoo/hub-replays",
    steps: () => [
        { trigger: ".o_list_button_add", run: "click" },
        {
            trigger: ".o_field_widget[name='why'] input",
            content: "say why",
            run: "edit Country added",
        },
        { trigger: "button[name='action_plan']", content: "the plan comes first", run: "click" },
        { trigger: ".o_hub_replay_table td:contains('Atlantis')" },
        { trigger: ".o_hub_replay_table td:contains('Applied again')" },
        {
            trigger: "button[name='action_simulate']",
            content: "see what a start would do",
            run: "click",
        },
        { trigger: ".o_arrow_button_current:contains('Finished')" },
        { trigger: ".o_field_widget[name='report_html'] td:contains('Would be applied; fails today')" },
        { trigger: "button[name='action_view_records']", run: "click" },
        { trigger: ".o_data_row:contains('Created')" },
        { trigger: ".breadcrumb-item a:contains('Country added')", run: "click" },
        { trigger: "button[name='action_start']", content: "now in earnest", run: "click" },
        { trigger: "button[name='action_cancel']", content: "it could be cancelled" },
        { trigger: ".o_field_widget[name='progress_text']:contains('In the queue')" },
    ],
});

/** Several unknown words are one issue; each gets its term in one screen. */
tours.add("hub_map_words", {
    steps: () => [
        {
            trigger: ".o_data_row:contains('3 unknown words') .o_data_cell[name='sentence']",
            content: "open the cause",
            run: "click",
        },
        { trigger: "button[name='action_map']", run: "click" },
        {
            trigger: ".modal .o_data_row:contains('Minning') .o_data_cell[name='term_id']:contains('Mining')",
            content: "a term that resembles the word is there already",
        },
        {
            trigger: ".modal .o_data_row:contains('holesale') .o_data_cell[name='term_id']",
            content: "another one is chosen",
            run: "click",
        },
        { trigger: ".modal .o_data_row .o_field_widget[name='term_id'] input", run: "edit Trade" },
        { trigger: ".ui-autocomplete a:contains('Trade')", run: "click" },
        { trigger: ".modal button[name='action_confirm']:visible", run: "click" },
        { trigger: "body:not(:has(.modal)) .o_form_view" },
    ],
});
