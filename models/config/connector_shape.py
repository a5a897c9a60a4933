"""Where each field of a form stands in a declaration (``connectors/declaration.py``)."""

from ...core.paths import put

CONNECTOR = {
    "code": "code",
    "name": "name",
    "base_url": "base_url",
    "sign_in_kind": "sign_in.kind",
    "sign_in_name": "sign_in.name",
    "sign_in_prefix": "sign_in.prefix",
    "token_url": "sign_in.token_url",
    "authorize_url": "sign_in.authorize_url",
    "scope": "sign_in.scope",
    "client_in": "sign_in.client_in",
    "test_path": "test.path",
    "test_account": "test.account",
    "webhook_kind": "webhook.kind",
    "webhook_header": "webhook.header",
    "webhook_algorithm": "webhook.algorithm",
    "webhook_encoding": "webhook.encoding",
    "webhook_prefix": "webhook.prefix",
    "webhook_key": "webhook.key",
    "webhook_signed": "webhook.signed",
    "webhook_time_header": "webhook.time_header",
    "webhook_time_part": "webhook.time_part",
    "webhook_time_unit": "webhook.time_unit",
    "webhook_tolerance": "webhook.tolerance",
    "webhook_events": "webhook.events",
    "webhook_event_id": "webhook.event_id",
    "webhook_type": "webhook.type",
    "webhook_object_id": "webhook.object_id",
    "webhook_occurred_at": "webhook.occurred_at",
    "webhook_account": "webhook.account",
    "pace_calls": "pace.calls",
    "pace_seconds": "pace.seconds",
    "pace_retry_unit": "pace.retry_after_unit",
    "pace_remaining": "pace.remaining",
    "pace_limit": "pace.limit",
    "pace_reset": "pace.reset",
    "pace_reset_kind": "pace.reset_kind",
}
STREAM = {
    "entity": "entity",
    "path": "path",
    "items": "items",
    "id_path": "id",
    "changed_at": "changed_at",
    "version": "version",
    "paging_kind": "paging.kind",
    "paging_parameter": "paging.parameter",
    "paging_first": "paging.first",
    "paging_next": "paging.next",
    "paging_size_parameter": "paging.size_parameter",
    "paging_size": "paging.size",
    "since_parameter": "since.parameter",
    "since_format": "since.format",
    "since_overlap": "since.overlap",
    "read_path": "read.path",
    "read_item": "read.item",
    "read_together": "read.together",
    "read_most": "read.most",
    "deleted_path": "deleted.path",
    "deleted_value": "deleted.value",
    "deleted_list": "deleted.list",
    "merged_into": "merged_into",
}
WRITE = {
    "entity": "entity",
    "create_method": "create.method",
    "create_path": "create.path",
    "update_method": "update.method",
    "update_path": "update.path",
    "update_together": "update.together",
    "update_list": "update.list",
    "update_id": "update.id",
    "update_most": "update.most",
    "update_results": "update.results",
    "update_error": "update.error",
    "wrap": "wrap",
    "id_path": "id",
    "idempotency_header": "idempotency_header",
    "look_up_path": "look_up.path",
    "look_up_parameter": "look_up.parameter",
    "look_up_field": "look_up.field",
    "look_up_ours": "look_up.ours",
    "look_up_items": "look_up.items",
    "look_up_id": "look_up.id",
    "look_up_lag": "look_up.lag",
}
TYPE = {"name": "type", "entity": "entity", "action": "action"}
ERROR = {
    "status": "status",
    "path": "path",
    "error_code": "code",
    "kind": "kind",
    "sentence": "sentence",
}
# A part whose first field is empty is not declared, whatever its other fields hold.
_MAIN = {
    "test": "path",
    "paging": "kind",
    "since": "parameter",
    "read": "path",
    "create": "path",
    "update": "path",
    "look_up": "parameter",
    "pace": "calls",
}


def nested(table, values):
    """A part of a declaration.

    :param table: field → place. :param values: ``{field: value}``; blanks are left out.
    """
    result = {}
    for name, place in table.items():
        value = values.get(name)
        if value not in (None, False, "", 0) or (name == "paging_first" and value == "0"):
            put(result, place, int(value) if name == "paging_first" else value)
    for part, main in _MAIN.items():
        if isinstance(result.get(part), dict) and main not in result[part]:
            del result[part]
    return result


def flat(table, document):
    """Values of the fields; what the declaration does not say is blank."""
    result = {}
    for name, place in table.items():
        value = document
        for step in place.split("."):
            value = value.get(step) if isinstance(value, dict) else None
        value = str(value) if name == "paging_first" and value is not None else value
        result[name] = False if value is None else value
    return result
