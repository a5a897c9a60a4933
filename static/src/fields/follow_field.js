import { Component, onMounted, onWillUnmount, useState } from "@odoo/owl";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { standardFieldProps } from "@web/views/fields/standard_field_props";

const PAUSE = 1500;

/**
 * A bar of what is done (0 to 100) that follows a run while it goes on: it calls a method of the
 * record, reads the record anew, and begins again. It rests while nobody sees the page.
 */
export class HubFollowField extends Component {
    static template = "lead_to_cash_hub.FollowField";
    static props = {
        ...standardFieldProps,
        method: String,
        states: Array,
    };

    setup() {
        this.orm = useService("orm");
        this.timer = null;
        this.gone = false;
        this.status = useState({ lost: false });
        onMounted(() => this.plan(0));
        onWillUnmount(() => {
            this.gone = true;
            clearTimeout(this.timer);
        });
    }

    get going() {
        return this.props.states.includes(this.props.record.data.state);
    }

    get percent() {
        return Math.round(this.props.record.data[this.props.name] || 0);
    }

    plan(pause) {
        if (!this.gone) {
            this.timer = setTimeout(() => this.look(), pause);
        }
    }

    async look() {
        const { record } = this.props;
        if (this.going && record.resId && document.visibilityState === "visible") {
            try {
                await this.orm.silent.call(record.resModel, this.props.method, [[record.resId]]);
                if (!this.gone) {
                    await record.load();
                }
                this.status.lost = false;
            } catch {
                // Shown with the bar; the next look may succeed.
                this.status.lost = true;
            }
        }
        this.plan(PAUSE);
    }
}

registry.category("fields").add("hub_follow", {
    component: HubFollowField,
    supportedTypes: ["float"],
    extractProps: ({ options }) => ({ method: options.method, states: options.while }),
});
