import { Component, onWillStart, useState } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { RecordSelector } from "@web/core/record_selectors/record_selector";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { useDebounced } from "@web/core/utils/timing";
import { ControlPanel } from "@web/search/control_panel/control_panel";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";

const PLAIN_KEY = /^[A-Za-z_][A-Za-z0-9_]*$/;
const MOST_NODES = 600;
const PREVIEW_AFTER = 300; // milliseconds after the last key

/** What each kind of argument looks like. */
const HINTS = {
    path: _t("a second path"),
    text: _t("the value"),
    choices: _t("open = 1; closed = 2; else = 3"),
    separator: _t("separator"),
    field: _t("email"),
    sample: _t("1.234,56"),
    pattern: _t("DD.MM.YYYY"),
    zone: _t("Europe/Berlin"),
    unit: _t("minutes"),
    country: _t("DE, or a path"),
    code: _t("alpha3"),
    expression: _t("upper(value) if value else record['name']"),
};

/** Rows of a payload's tree: `{path, depth, key, text, leaf}`; of a long list, the first entry. */
export function payloadRows(payload) {
    const rows = [];
    const visit = (value, path, key, depth) => {
        if (rows.length >= MOST_NODES) {
            return;
        }
        const isList = Array.isArray(value);
        const isObject = value !== null && typeof value === "object" && !isList;
        const leaf = !isList && !isObject;
        rows.push({
            path,
            depth,
            key,
            leaf,
            text: leaf ? JSON.stringify(value) : isList ? _t("list of %s", value.length) : "",
        });
        if (isObject) {
            for (const [name, entry] of Object.entries(value)) {
                const step = PLAIN_KEY.test(name) ? name : JSON.stringify(name);
                visit(entry, path ? `${path}.${step}` : step, name, depth + 1);
            }
        } else if (isList && value.length) {
            visit(value[0], `${path}[0]`, "0", depth + 1);
        }
    };
    for (const [name, entry] of Object.entries(payload || {})) {
        visit(entry, PLAIN_KEY.test(name) ? name : JSON.stringify(name), name, 0);
    }
    return rows;
}

/**
 * A real payload at the left, the fields of the entity beside it, and what each line makes of it, live.
 * Of an outbound mapping it is the payload that would leave of an Odoo record, as the lines make it.
 * Nothing is saved until the button says so.
 */
export class MappingEditor extends Component {
    static template = "lead_to_cash_hub.MappingEditor";
    static components = { ControlPanel, RecordSelector };
    static props = { ...standardActionServiceProps };

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        this.notification = useService("notification");
        this.mappingId =
            this.props.action.params?.mapping_id || this.props.action.context?.active_id;
        this.state = useState({
            data: null,
            lines: [], // one for each field, mapped or not
            message: null, // of an outbound mapping: the Odoo record
            rows: [],
            results: {},
            suggestions: {},
            selected: null,
            dirty: false,
            search: "",
            note: "",
            stop: "", // why nothing of the record would leave
            verdict: [], // what rules and checkpoints say of it
        });
        this.refreshSoon = useDebounced(() => this.preview(), PREVIEW_AFTER);
        onWillStart(() => this.load());
    }

    async load() {
        this.take(await this.orm.call("hub.mapping", "get_data_editor", [[this.mappingId]]));
        const first = this.isSent ? this.state.data.record_id : this.state.data.samples[0]?.id;
        if (first) {
            await this.choose(first);
        }
    }

    take(data) {
        const byField = Object.fromEntries(data.lines.map((line) => [line.field_id, line]));
        this.state.data = data;
        this.state.lines = data.fields.map((field) => ({
            id: false,
            path: "",
            transform: "none",
            argument: "",
            ...byField[field.id],
            field_id: field.id,
            field,
        }));
        this.state.dirty = false;
    }

    get isSent() {
        return this.state.data.direction === "out";
    }

    get canShow() {
        return this.isSent ? Boolean(this.state.data.model) : this.state.data.samples.length > 0;
    }

    // --- the payload --------------------------------------------------------------------------

    async choose(id) {
        this.state.message = id;
        await this.preview();
    }

    /** Lines that say something: what is empty is no line. */
    get mapped() {
        return this.state.lines
            .filter((line) => line.path || line.argument || line.transform !== "none")
            .map(({ id, field_id, path, transform, argument }) => ({
                id,
                field_id,
                path,
                transform,
                argument,
            }));
    }

    async preview() {
        if (!this.state.message) {
            return;
        }
        this.turn = (this.turn || 0) + 1;
        const turn = this.turn;
        let found;
        try {
            found = await this.orm.silent.call(
                "hub.mapping",
                this.isSent ? "get_data_preview_sent" : "get_data_preview",
                [[this.mappingId], this.state.message, this.mapped]
            );
        } catch (error) {
            this.state.rows = [];
            this.state.results = {};
            this.state.note = error.data?.message || _t("This payload cannot be shown.");
            return;
        }
        if (turn !== this.turn) {
            return; // a later key was faster
        }
        this.state.note = "";
        this.state.stop = found.note || "";
        this.state.verdict = found.verdict || [];
        this.state.rows = payloadRows(found.payload);
        this.state.results = found.results;
        this.state.suggestions = Object.fromEntries(
            (found.suggestions || []).map((one) => [one.field_id, one])
        );
    }

    get shownRows() {
        const wanted = this.state.search.trim().toLowerCase();
        return wanted
            ? this.state.rows.filter((row) =>
                  `${row.path} ${row.text}`.toLowerCase().includes(wanted)
              )
            : this.state.rows;
    }

    /** Paths that some line reads: the payload shows what is used already. */
    get usedPaths() {
        return new Set(this.state.lines.map((line) => line.path).filter(Boolean));
    }

    // --- lines --------------------------------------------------------------------------------

    select(line) {
        this.state.selected = line.field_id;
    }

    get selectedLine() {
        return this.state.lines.find((line) => line.field_id === this.state.selected);
    }

    /** What came: its value for the chosen field. What would leave: the field that it is of. */
    pick(row) {
        if (this.isSent) {
            const made = this.state.lines.find(
                (line) => this.state.results[line.field_id]?.path === row.path
            );
            this.state.selected = made ? made.field_id : this.state.selected;
            return;
        }
        const line = this.selectedLine;
        if (!line || !this.state.data.can_edit) {
            return;
        }
        this.change(line, { path: row.path });
        this.preview();
    }

    change(line, values) {
        Object.assign(line, values);
        this.state.dirty = true;
        this.refreshSoon();
    }

    changeTransform(line, name) {
        this.change(line, { transform: name, argument: "" });
    }

    clear(line) {
        this.change(line, { path: "", transform: "none", argument: "" });
    }

    accept(line) {
        const { path, transform, argument } = this.state.suggestions[line.field_id];
        this.change(line, { path, transform, argument });
        this.preview();
    }

    hint(line) {
        const transform = this.state.data.transforms.find((t) => t.name === line.transform);
        return transform?.argument ? HINTS[transform.argument] || "" : null;
    }

    isMapped(line) {
        return Boolean(line.path || line.argument || line.transform !== "none");
    }

    get missing() {
        return this.state.lines.filter((line) => line.field.required && !this.isMapped(line));
    }

    get failing() {
        return this.state.lines.filter((line) => this.state.results[line.field_id]?.problem).length;
    }

    async save() {
        const saved = await this.orm.call("hub.mapping", "action_save_editor", [
            [this.mappingId],
            this.mapped,
        ]);
        if (saved.change) {
            this.state.dirty = false;
            return this.action.doAction(saved.change);
        }
        this.take(saved);
        await this.preview();
        this.notification.add(_t("Saved. The next message is mapped this way."), {
            type: "success",
        });
    }

    async discard() {
        await this.load();
    }

    openForm() {
        return this.action.doAction({
            type: "ir.actions.act_window",
            res_model: "hub.mapping",
            res_id: this.mappingId,
            views: [[false, "form"]],
        });
    }
}

registry.category("actions").add("lead_to_cash_hub.mapping_editor", MappingEditor);
