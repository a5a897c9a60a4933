import { Component, onWillUpdateProps, useState } from "@odoo/owl";
import { ConfirmationDialog } from "@web/core/confirmation_dialog/confirmation_dialog";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { standardFieldProps } from "@web/views/fields/standard_field_props";

/** Customers that may be one, side by side: who stays, and whose value is kept, field by field. */
export class HubSideBySide extends Component {
    static template = "lead_to_cash_hub.SideBySide";
    static props = { ...standardFieldProps };

    setup() {
        this.orm = useService("orm");
        this.dialog = useService("dialog");
        this.notification = useService("notification");
        this.action = useService("action");
        this.state = useState({ survivor: false, choices: {}, otherVat: false, busy: false });
        this.begin(this.props);
        onWillUpdateProps((next) => {
            if (next.record.resId !== this.props.record.resId) {
                this.begin(next);
            }
        });
    }

    begin(props) {
        const data = props.record.data[props.name] || { fields: [], partners: [] };
        this.state.survivor = data.survivor;
        this.state.otherVat = false;
        this.state.choices = Object.fromEntries(data.fields.map((row) => [row.name, row.kept]));
    }

    get data() {
        return this.props.record.data[this.props.name] || { fields: [], partners: [] };
    }

    /** Rows that say something; those that differ first. */
    get rows() {
        const rows = this.data.fields.filter((row) => row.values.some((value) => value.text));
        return [...rows.filter((row) => row.differs), ...rows.filter((row) => !row.differs)];
    }

    survive(id) {
        this.state.survivor = id;
        for (const row of this.data.fields) {
            if (row.values.find((value) => value.id === id)?.text) {
                this.state.choices[row.name] = id;
            }
        }
    }

    choose(row, id) {
        this.state.choices[row.name] = id;
    }

    openPartner(id) {
        return this.action.doAction({
            type: "ir.actions.act_window",
            res_model: "res.partner",
            res_id: id,
            views: [[false, "form"]],
        });
    }

    get blocked() {
        return this.state.busy || (this.data.other_vat && !this.state.otherVat);
    }

    merge() {
        const keep = this.data.partners.find((partner) => partner.id === this.state.survivor);
        this.dialog.add(ConfirmationDialog, {
            title: _t("Merge for good?"),
            body: _t(
                "All documents go over to “%(name)s”, and Odoo deletes the others. This cannot be undone. Their ids in other systems are kept.",
                { name: keep.name }
            ),
            confirmLabel: _t("Merge"),
            confirm: () => this.mergeNow(),
            cancel: () => {},
        });
    }

    async mergeNow() {
        this.state.busy = true;
        try {
            const done = await this.orm.call("hub.duplicate", "merge_partners", [
                [this.props.record.resId],
                this.state.survivor,
                { ...this.state.choices },
                this.state.otherVat,
            ]);
            this.notification.add(
                _t("%(count)s merged into “%(name)s”.", done),
                { type: "success" }
            );
            await this.props.record.load();
        } finally {
            this.state.busy = false;
        }
    }
}

registry.category("fields").add("hub_side_by_side", {
    component: HubSideBySide,
    supportedTypes: ["json"],
});
