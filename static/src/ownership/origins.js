import { Component, onWillStart, useState } from "@odoo/owl";
import { ConfirmationDialog } from "@web/core/confirmation_dialog/confirmation_dialog";
import { deserializeDateTime, formatDateTime } from "@web/core/l10n/dates";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { ControlPanel } from "@web/search/control_panel/control_panel";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";

/** Where each field of a record comes from: value, owner, source, message, time, person. */
export class HubOrigins extends Component {
    static template = "lead_to_cash_hub.Origins";
    static components = { ControlPanel };
    static props = { ...standardActionServiceProps };

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        this.dialog = useService("dialog");
        this.notification = useService("notification");
        this.state = useState({ data: null });
        // A page that is opened again by its address knows the record from its state.
        const { model, id } = { ...this.props.state, ...this.props.action.params };
        this.record = { model, id };
        this.props.updateActionState?.(this.record);
        onWillStart(() => this.load());
    }

    async load() {
        if (!this.record.model) {
            this.state.data = { name: "", sections: [], can_release: false };
            return;
        }
        this.state.data = await this.orm.call("hub.origins", "get_origins", [
            this.record.model,
            this.record.id,
        ]);
    }

    get data() {
        return this.state.data;
    }

    moment(text) {
        return text ? formatDateTime(deserializeDateTime(text)) : "";
    }

    label(state) {
        return {
            disputed: _t("In dispute"),
            edited: _t("Typed over"),
            owed: _t("Differs there"),
        }[state];
    }

    openRecord(model, id) {
        return this.action.doAction({
            type: "ir.actions.act_window",
            res_model: model,
            res_id: id,
            views: [[false, "form"]],
        });
    }

    release(row) {
        this.dialog.add(ConfirmationDialog, {
            title: _t("Give it back?"),
            body: _t(
                "%(field)s: what was typed in Odoo is replaced by the value of %(owner)s.",
                { field: row.label, owner: row.owner }
            ),
            confirmLabel: _t("Release"),
            confirm: async () => {
                await this.orm.call("hub.origins", "release", [row.link, row.name]);
                this.notification.add(
                    _t("Released. The owner's value is written in a moment."),
                    { type: "success" }
                );
                await this.load();
            },
            cancel: () => {},
        });
    }
}

registry.category("actions").add("lead_to_cash_hub.origins", HubOrigins);
