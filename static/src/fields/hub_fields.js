import { Component } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { standardFieldProps } from "@web/views/fields/standard_field_props";

import { formatSpan } from "./spans";

/** Seconds as a person says them: "4 min", "2 h 10 min". */
export class HubDurationField extends Component {
    static template = "lead_to_cash_hub.DurationField";
    static props = { ...standardFieldProps };

    get text() {
        return formatSpan(this.props.record.data[this.props.name]);
    }
}

/** How long ago something happened, the exact time as a title. */
export class HubAgoField extends Component {
    static template = "lead_to_cash_hub.AgoField";
    static props = { ...standardFieldProps };

    get moment() {
        return this.props.record.data[this.props.name];
    }

    get text() {
        return this.moment ? this.moment.toRelative() : "";
    }

    get exact() {
        return this.moment ? this.moment.toLocaleString(luxon.DateTime.DATETIME_MED) : "";
    }
}

/** The result of a connection test: one line a check, marked ✓ or ✗ by the model. */
export class HubCheckLinesField extends Component {
    static template = "lead_to_cash_hub.CheckLinesField";
    static props = { ...standardFieldProps };

    get lines() {
        const text = this.props.record.data[this.props.name] || "";
        return text
            .split("\n")
            .filter((line) => line.trim())
            .map((line) => ({ ok: line.startsWith("✓"), text: line.replace(/^[✓✗]\s*/, "") }));
    }
}

const CHECKS = {
    ok: { icon: "fa-check-circle text-success", label: _t("Fine") },
    warning: { icon: "fa-exclamation-triangle text-warning", label: _t("Warning") },
    blocking: { icon: "fa-times-circle text-danger", label: _t("Blocks") },
};

/** The severity of an invoice check as an icon with its word. */
export class HubCheckField extends Component {
    static template = "lead_to_cash_hub.CheckField";
    static props = { ...standardFieldProps };

    get check() {
        return CHECKS[this.props.record.data[this.props.name]] || CHECKS.ok;
    }
}

/** A number that only asks for attention when it is not zero. */
export class HubCountField extends Component {
    static template = "lead_to_cash_hub.CountField";
    static props = { ...standardFieldProps, badgeClass: { type: String, optional: true } };

    get count() {
        return this.props.record.data[this.props.name];
    }
}

const fields = registry.category("fields");
fields.add("hub_duration", { component: HubDurationField, supportedTypes: ["integer"] });
fields.add("hub_ago", { component: HubAgoField, supportedTypes: ["datetime"] });
fields.add("hub_check_lines", { component: HubCheckLinesField, supportedTypes: ["text"] });
fields.add("hub_check", { component: HubCheckField, supportedTypes: ["selection"] });
fields.add("hub_count", {
    component: HubCountField,
    supportedTypes: ["integer"],
    extractProps: ({ options }) => ({ badgeClass: options.class }),
});
