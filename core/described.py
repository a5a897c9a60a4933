"""The canonical API described as OpenAPI 3.1, from the entities as they are bound today. Pure."""

from collections.abc import Mapping
from typing import Any

from .pushed import ENVELOPE, MOST_ITEMS, MOST_VERSION, VERSION

_RESULT = {
    "type": "object",
    "properties": {
        "index": {"type": "integer", "minimum": 0, "title": "Place of the item in the call"},
        "external_id": {"type": ["string", "null"]},
        "status": {"enum": ["accepted", "duplicate", "refused"]},
        "field": {"type": "string", "title": "Path of what is wrong"},
        "code": {"type": "string", "title": "The reason, for programs"},
        "message": {"type": "string", "title": "The reason, for people"},
    },
    "required": ["index", "external_id", "status"],
}
_ERROR = {
    "type": "object",
    "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
    "required": ["code", "message"],
}
_SIGNATURE = {
    "id": "Names the call; the same over its repeats",
    "timestamp": "Seconds since 1970",
    "signature": "v1,<base64 of HMAC-SHA256 over id.timestamp.body>; several divided by spaces",
}


def openapi(server: str, entities: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The description.

    :param server: address of the hub, without path.
    :param entities: JSON Schema of what each entity takes (``core.published.inbound``), by code.
    :return: an OpenAPI 3.1 document; its dialect of JSON Schema is 2020-12, that of the entities.
    """
    schemas: dict[str, Any] = {
        "Results": {
            "type": "object",
            "properties": {"results": {"type": "array", "items": {"$ref": _schema("Result")}}},
            "required": ["results"],
        },
        "Result": _RESULT,
        "Error": _ERROR,
    }
    for code, schema in entities.items():
        for name, part in schema.get("$defs", {}).items():
            schemas[name] = part
        schemas[code] = _moved({k: v for k, v in schema.items() if k not in ("$schema", "$defs")})
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Lead-to-Cash Hub: canonical API",
            "version": "1",
            "description": "Canonical records, pushed into Odoo. An item answered “accepted” or “duplicate” is "
            "stored; it is applied a moment later, and what cannot be applied is put before a person.",
            "license": {"name": "LGPL-3.0-only", "identifier": "LGPL-3.0-only"},
        },
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "servers": [{"url": server}],
        "security": [{"key": []}, {"id": [], "timestamp": [], "signature": []}],
        "paths": {
            f"/hub/v1/{code}": {"post": _push(code, schema)} for code, schema in entities.items()
        },
        "components": {
            "schemas": schemas,
            "responses": {
                "Error": {
                    "description": "Nothing was stored.",
                    "content": {"application/json": {"schema": {"$ref": _schema("Error")}}},
                }
            },
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "An API key of Odoo"},
                **{
                    name: {
                        "type": "apiKey",
                        "in": "header",
                        "name": f"webhook-{name}",
                        "description": text,
                    }
                    for name, text in _SIGNATURE.items()
                },
            },
        },
    }


def _schema(name):
    return f"#/components/schemas/{name}"


def _moved(schema):
    """The same schema, with its line entities among the components."""
    if isinstance(schema, dict):
        return {
            key: _schema(value.rpartition("/")[2]) if key == "$ref" else _moved(value)
            for key, value in schema.items()
        }
    return [_moved(entry) for entry in schema] if isinstance(schema, list) else schema


def _push(code, schema):
    item = {**ENVELOPE, "properties": {**ENVELOPE["properties"], "data": {"$ref": _schema(code)}}}
    results = {"application/json": {"schema": {"$ref": _schema("Results")}}}
    error = {"$ref": "#/components/responses/Error"}
    return {
        "operationId": f"push_{code}",
        "summary": f"Push records: {schema['title']}",
        "parameters": [
            {
                "name": "system",
                "in": "query",
                "description": "Which system pushes. May be left out with the key of a user whom one system "
                "alone names.",
                "schema": {"type": "string"},
            },
            {
                "name": "Idempotency-Key",
                "in": "header",
                "description": "Names the call where an API key proves it; items without a key of their own "
                "are named by it and their place. A signed call has its webhook-id.",
                "schema": {"type": "string"},
            },
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "properties": {
                            VERSION: {
                                "type": "integer",
                                "minimum": 1,
                                "maximum": MOST_VERSION,
                                "title": "The version of the entity’s schema that these items were made for",
                            },
                            "items": {
                                "type": "array",
                                "minItems": 1,
                                "maxItems": MOST_ITEMS,
                                "items": item,
                            },
                        },
                        "required": ["items"],
                        "additionalProperties": False,
                    }
                }
            },
        },
        "responses": {
            "202": {"description": "All items are stored.", "content": results},
            "207": {"description": "Some items are stored, some were refused.", "content": results},
            "422": {"description": "Every item was refused.", "content": results},
            **dict.fromkeys(("400", "401", "404", "413", "415"), error),
        },
    }
