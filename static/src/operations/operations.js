import { Component, onWillStart, onWillUnmount, useState } from "@odoo/owl";
import { formatCurrency } from "@web/core/currency";
import { deserializeDateTime } from "@web/core/l10n/dates";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { ControlPanel } from "@web/search/control_panel/control_panel";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";

import { formatSpan } from "../fields/spans";

const { DateTime } = luxon;
const EVERY = 10_000; // milliseconds between two looks while the page is seen
const UNFINISHED = ["received", "pending", "waiting", "held", "sending"];

/**
 * What runs, what waits, what needs a person and what it costs: one call, each figure a way to the
 * list behind it.
 */
export class HubOperations extends Component {
    static template = "lead_to_cash_hub.Operations";
    static components = { ControlPanel };
    static props = { ...standardActionServiceProps };

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        this.state = useState({ data: null, readAt: null, lost: false, allStreams: false });
        this.onVisible = () => document.visibilityState === "visible" && this.refresh();
        onWillStart(async () => {
            await this.load(this.orm);
            // Started here and not when mounted: a page that is left at once leaves no timer.
            this.timer = setInterval(this.onVisible, EVERY);
            document.addEventListener("visibilitychange", this.onVisible);
        });
        onWillUnmount(() => {
            clearInterval(this.timer);
            document.removeEventListener("visibilitychange", this.onVisible);
        });
    }

    async load(orm) {
        this.state.data = await orm.call("hub.operations", "get_data", []);
        this.state.readAt = DateTime.now();
        this.state.lost = false;
    }

    /** Look again without a loading bar; when Odoo cannot be reached, say how old the figures are. */
    async refresh() {
        if (this.loading) {
            return;
        }
        this.loading = true;
        try {
            await this.load(this.orm.silent);
        } catch {
            this.state.lost = true;
        } finally {
            this.loading = false;
        }
    }

    // --- words ------------------------------------------------------------------------------

    get data() {
        return this.state.data;
    }

    money(amount, currency) {
        return currency ? formatCurrency(amount, currency) : String(amount || 0);
    }

    span(seconds) {
        return formatSpan(seconds);
    }

    ago(text) {
        if (!text) {
            return "";
        }
        return deserializeDateTime(text).toRelative({ base: DateTime.now() });
    }

    /** Only a moment that is still to come is said; after it the next call decides. */
    until(text) {
        return text && deserializeDateTime(text) > DateTime.now() ? this.ago(text) : "";
    }

    exact(text) {
        return text ? deserializeDateTime(text).toLocaleString(DateTime.DATETIME_MED) : "";
    }

    records(count) {
        return count === 1 ? _t("1 record") : _t("%s records", count);
    }

    causes(count) {
        return count === 1 ? _t("1 cause") : _t("%s causes", count);
    }

    get readAt() {
        return this.state.readAt.toLocaleString(DateTime.TIME_WITH_SECONDS);
    }

    // --- figures ----------------------------------------------------------------------------

    /** Amounts at risk, the largest first; issues without money are left out. */
    get risks() {
        return this.data.money
            .filter((row) => row.currency && row.amount)
            .sort((a, b) => b.amount - a.amount);
    }

    get riskRecords() {
        return this.data.money.reduce((sum, row) => sum + row.records, 0);
    }

    get riskWaiting() {
        return this.data.money.reduce((sum, row) => sum + row.waiting, 0);
    }

    get waiting() {
        return this.data.queue
            .filter((row) => !row.attention)
            .reduce((sum, row) => sum + row.count, 0);
    }

    get attention() {
        return this.data.queue
            .filter((row) => row.attention)
            .reduce((sum, row) => sum + row.count, 0);
    }

    get bars() {
        const largest = Math.max(1, ...this.data.queue.map((row) => row.count));
        return this.data.queue.map((row) => ({
            ...row,
            width: row.count ? Math.max(1.5, (100 * row.count) / largest) : 0,
        }));
    }

    /** Streams that ask for a look come first; calm ones are folded on long lists. */
    get streams() {
        const rank = { attention: 0, late: 1, paused: 2, closed: 2, ok: 3 };
        return [...this.data.streams].sort((a, b) => (rank[a.health] ?? 3) - (rank[b.health] ?? 3));
    }

    get shownStreams() {
        return this.state.allStreams ? this.streams : this.streams.slice(0, 10);
    }

    get engine() {
        const engine = this.data.engine;
        if (engine.neutralized) {
            return {
                color: "warning",
                title: _t("Standing still"),
                text: _t("A neutralized copy of a database: nothing is read or sent."),
            };
        }
        if (engine.paused) {
            return {
                color: "warning",
                title: _t("Paused"),
                text: _t("The hub was paused by an administrator; what arrives is kept."),
            };
        }
        if (engine.silent === null) {
            return {
                color: "danger",
                title: _t("No sign of life"),
                text: _t("No drainer has run yet. Check that Odoo's scheduled actions run."),
            };
        }
        const ago = formatSpan(engine.silent) || _t("a moment");
        if (!engine.alive) {
            return {
                color: "danger",
                title: _t("Silent for %s", ago),
                text: _t("Nothing is worked on. Check that Odoo's scheduled actions run."),
            };
        }
        return { color: "success", title: _t("Running"), text: _t("Last sign of life %s ago", ago) };
    }

    // --- ways -------------------------------------------------------------------------------

    open(name, model, domain, context = {}) {
        return this.action.doAction({
            type: "ir.actions.act_window",
            name,
            res_model: model,
            views: [
                [false, "list"],
                [false, "form"],
            ],
            domain,
            context,
        });
    }

    openRecord(model, id) {
        return this.action.doAction({
            type: "ir.actions.act_window",
            res_model: model,
            res_id: id,
            views: [[false, "form"]],
        });
    }

    connect() {
        return this.action.doAction("lead_to_cash_hub.hub_connect_action");
    }

    openIssues() {
        return this.action.doAction("lead_to_cash_hub.hub_issue_action");
    }

    openApprovals() {
        return this.action.doAction("lead_to_cash_hub.account_move_action_to_approve");
    }

    openSystems() {
        return this.action.doAction("lead_to_cash_hub.hub_system_action");
    }

    openStreams() {
        return this.action.doAction("lead_to_cash_hub.hub_stream_action");
    }

    openState(row) {
        return this.open(row.label, "hub.message", [["state", "=", row.state]]);
    }

    openQueue(field, id, name) {
        const domain = [["state", "in", UNFINISHED]];
        if (field) {
            domain.unshift([field, "=", id]);
        }
        return this.open(name || _t("In the Queue"), "hub.message", domain);
    }

    openAttention(field, id, name) {
        const domain = [["state", "in", ["failed", "dead"]]];
        if (field) {
            domain.unshift([field, "=", id]);
        }
        return this.open(name || _t("Need a Person"), "hub.message", domain);
    }
}

registry.category("actions").add("lead_to_cash_hub.operations", HubOperations);
