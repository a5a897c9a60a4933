import { Component, onWillStart, useState } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { ControlPanel } from "@web/search/control_panel/control_panel";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";

/** Fields of an entity × systems: who owns what, by which rule, and what may be written back. */
export class HubOwnershipMatrix extends Component {
    static template = "lead_to_cash_hub.OwnershipMatrix";
    static components = { ControlPanel };
    static props = { ...standardActionServiceProps };

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        this.state = useState({ data: null, exchanged: true });
        onWillStart(() => this.load());
    }

    async load(entity = this.data?.entity.id, company = this.data?.company) {
        this.state.data = await this.orm.call("hub.ownership", "get_matrix", [
            entity || false,
            company || false,
        ]);
    }

    get data() {
        return this.state.data;
    }

    /** Fields that some system exchanges; the others are shown on demand. */
    get rows() {
        return this.state.exchanged
            ? this.data.rows.filter((row) => row.cells.some((cell) => cell.comes || cell.goes))
            : this.data.rows;
    }

    get hidden() {
        return this.data.rows.length - this.rows.length;
    }

    help(name) {
        return this.data.rules.find((rule) => rule.name === name).help;
    }

    /** Systems that could own a field: those that bring it. */
    owners(row) {
        const able = row.cells.filter((cell) => cell.comes).map((cell) => cell.system);
        return this.data.systems.filter((system) => able.includes(system.id));
    }

    takesOwner(row) {
        return !["odoo", "none"].includes(row.rule) && this.owners(row).length > 0;
    }

    async set(row, rule, owner) {
        const args = [row.id, rule, owner || false, this.data.company || false];
        await this.decide(this.orm.call("hub.ownership", "set_rule", args));
    }

    /** Under change control a decision is a proposal, which is shown. */
    async decide(call) {
        let change;
        try {
            change = await call;
        } finally {
            await this.load(); // a refusal leaves no wrong choice on the screen
        }
        if (change !== true) {
            await this.action.doAction(change);
        }
    }

    setRule(row, ev) {
        const rule = ev.target.value;
        return this.set(row, rule, ["odoo", "none"].includes(rule) ? false : row.owner);
    }

    setOwner(row, ev) {
        return this.set(row, row.rule, parseInt(ev.target.value) || false);
    }

    reset(row) {
        return this.set(row, false, false);
    }

    async toggle(row, cell) {
        await this.decide(this.orm.call("hub.grant", "toggle_grant", [cell.system, row.id]));
    }

    grantTitle(cell) {
        if (cell.granted) {
            return this.data.can_edit ? _t("%s. Press to revoke.", cell.grant_text) : cell.grant_text;
        }
        if (cell.waiting) {
            return this.data.can_edit ? _t("%s. Press to withdraw.", cell.grant_text) : cell.grant_text;
        }
        if (!cell.sends) {
            return _t("Its rule does not let Odoo's value go there.");
        }
        return _t("Not granted: nothing is written back. Press to grant it in your name.");
    }

    openProposals() {
        return this.action.doAction("lead_to_cash_hub.hub_ownership_proposal_action");
    }
}

registry.category("actions").add("lead_to_cash_hub.ownership_matrix", HubOwnershipMatrix);
