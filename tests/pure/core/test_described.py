"""The description of the canonical API is OpenAPI 3.1, and says what the door does."""

from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from lead_to_cash_hub.connectors import openapi as openapi_reader
from lead_to_cash_hub.core.described import openapi
from lead_to_cash_hub.core.published import Field, inbound, json_schema

FIELDS = [
    Field("name", "Name", "text", required=True),
    Field("lines", "Lines", "lines:line"),
]
SCHEMA = json_schema("deal", "Deal", FIELDS, {"line": [Field("note", "Note", "text")]})
TAKEN = inbound(SCHEMA, {"deal": {"name", "lines"}, "line": {"note"}})
DOCUMENT = openapi("https://hub.firm.example", {"deal": TAKEN})

# What OpenAPI 3.1.0 requires of the parts that we use (specification, "Schema" of its sections 4.8).
_MEDIA = {
    "type": "object",
    "minProperties": 1,
    "additionalProperties": {"type": "object", "properties": {"schema": {"type": "object"}}},
}
_RESPONSE = {
    "anyOf": [
        {"required": ["$ref"]},
        {"required": ["description"], "properties": {"content": _MEDIA}},
    ]
}
STRUCTURE = {
    "type": "object",
    "required": ["openapi", "info", "paths"],
    "additionalProperties": False,
    "properties": {
        "openapi": {"pattern": r"^3\.1\.\d+$"},
        "info": {
            "type": "object",
            "required": ["title", "version"],
            "properties": {"license": {"required": ["name"]}},
        },
        "jsonSchemaDialect": {"type": "string"},
        "servers": {"type": "array", "items": {"required": ["url"]}},
        "security": {"type": "array", "items": {"type": "object"}},
        "paths": {
            "patternProperties": {
                "^/": {
                    "additionalProperties": False,
                    "properties": {
                        "post": {
                            "type": "object",
                            "required": ["responses", "operationId", "requestBody"],
                            "properties": {
                                "parameters": {
                                    "items": {
                                        "required": ["name", "in", "schema"],
                                        "properties": {"in": {"enum": ["query", "header"]}},
                                    }
                                },
                                "requestBody": {
                                    "required": ["content"],
                                    "properties": {"content": _MEDIA},
                                },
                                "responses": {
                                    "patternProperties": {"^[1-5][0-9][0-9]$": _RESPONSE},
                                    "additionalProperties": False,
                                },
                            },
                        }
                    },
                }
            },
            "additionalProperties": False,
        },
        "webhooks": {"type": "object"},
        "components": {
            "additionalProperties": False,
            "properties": {
                "schemas": {"additionalProperties": {"type": "object"}},
                "responses": {"additionalProperties": _RESPONSE},
                "securitySchemes": {
                    "additionalProperties": {
                        "required": ["type"],
                        "oneOf": [
                            {"properties": {"type": {"const": "http"}}, "required": ["scheme"]},
                            {
                                "properties": {
                                    "type": {"const": "apiKey"},
                                    "in": {"enum": ["header", "query", "cookie"]},
                                },
                                "required": ["name", "in"],
                            },
                        ],
                    }
                },
            },
        },
    },
}


def walked(value):
    yield value
    for entry in (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    ):
        yield from walked(entry)


def test_its_structure_is_that_of_openapi():
    Draft202012Validator.check_schema(STRUCTURE)
    Draft202012Validator(STRUCTURE).validate(DOCUMENT)


def test_every_reference_leads_somewhere():
    found = [part["$ref"] for part in walked(DOCUMENT) if isinstance(part, dict) and "$ref" in part]
    assert found
    for reference in found:
        target = DOCUMENT
        for step in reference.removeprefix("#/").split("/"):
            target = target[step]


def test_security_names_what_is_declared():
    declared = DOCUMENT["components"]["securitySchemes"]
    assert {name for one in DOCUMENT["security"] for name in one} == set(declared)


def test_a_body_that_the_description_allows_is_judged_by_its_schemas():
    operation = DOCUMENT["paths"]["/hub/v1/deal"]["post"]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    for part in (schema, *DOCUMENT["components"]["schemas"].values()):
        Draft202012Validator.check_schema(part)
    registry = Registry().with_resource("urn:description", DRAFT202012.create_resource(DOCUMENT))
    wrapped = {
        "$ref": "urn:description#/paths/~1hub~1v1~1deal/post/requestBody/content/application~1json/schema"
    }
    validator = Draft202012Validator(wrapped, registry=registry)
    good = {"external_id": "D-1", "data": {"name": "Rollout", "lines": [{"note": "x"}]}}
    assert validator.is_valid({"items": [good]})
    assert not validator.is_valid({"items": []})
    assert not validator.is_valid({"items": [{**good, "data": {}}]})
    assert not validator.is_valid(
        {"items": [{**good, "data": {"name": "x", "lines": [{"other": 1}]}}]}
    )


def test_our_own_reader_of_such_files_understands_it():
    """Another hub could be connected with it."""
    draft = openapi_reader.draft(DOCUMENT, {"deal"})
    assert draft.declaration["base_url"] == "https://hub.firm.example"
