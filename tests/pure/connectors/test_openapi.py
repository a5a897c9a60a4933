"""A declaration out of an OpenAPI file: what is read, what is left to a person, what is refused."""

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lead_to_cash_hub.connectors.declaration import faults
from lead_to_cash_hub.connectors.openapi import BadOpenApi, code_of, draft
from sandbox.bureau import OPENAPI

ENTITIES = {
    "customer",
    "contact",
    "time_entry",
    "expense",
    "employee",
    "opportunity",
    "task",
    "project",
}


@pytest.fixture
def bureau_file():
    return json.loads(OPENAPI.read_text())


def small(paths, **more):
    return {"openapi": "3.0.3", "info": {"title": "T"}, "servers": [{"url": "https://a.example"}],
            "paths": paths, **more}  # fmt: skip


def listing(path="/clients", parameters=(), answer=None):
    schema = answer or {"type": "array", "items": {"type": "object", "properties": {
        "id": {"type": "string"}, "name": {"type": "string"}}}}  # fmt: skip
    return {path: {"get": {"parameters": list(parameters), "responses": {"200": {
        "content": {"application/json": {"schema": schema}}}}}}}  # fmt: skip


def query(name, kind="string", **more):
    return {"name": name, "in": "query", "schema": {"type": kind}, **more}


def notes(found):
    return {note.code for note in found.notes}


def test_the_file_of_bureau_gives_most_of_it(bureau_file):
    found = draft(bureau_file, ENTITIES)
    declared = found.declaration
    assert faults(declared) == []
    assert declared["sign_in"] == {"kind": "header", "name": "X-Bureau-Key"}
    streams = {one["entity"]: one for one in declared["streams"]}
    assert set(streams) == {"customer", "time_entry", "project", "employee"}
    kinds = {entity: one["paging"]["kind"] for entity, one in streams.items()}
    assert kinds == {
        "customer": "token",
        "time_entry": "link",
        "project": "offset",
        "employee": "page",
    }
    assert streams["time_entry"]["since"] == {"parameter": "changed_from", "format": "epoch_ms"}
    writes = {one["entity"]: one for one in declared["writes"]}
    assert writes["customer"]["look_up"]["field"] == "external_ref"
    assert writes["project"]["idempotency_header"] == "Bureau-Request-Id"
    assert declared["test"] == {"path": "/office"}
    assert "webhooks" in notes(found)
    assert found.samples["customer"]["address"]["town"] == "Leeds"


def test_a_create_that_cannot_be_repeated_is_left_out():
    paths = listing()
    paths["/clients"]["post"] = {"responses": {"201": {}}}
    found = draft(small(paths), ENTITIES)
    assert "writes" not in found.declaration
    assert "unsafe_create" in notes(found)


@pytest.mark.parametrize(
    ("parameters", "answer", "kind"),
    [
        ([query("page", "integer"), query("per_page", "integer")], None, "page"),
        ([query("offset", "integer"), query("limit", "integer")], None, "offset"),
        ([query("cursor")], {"properties": {"items": {"type": "array", "items": {"properties": {"id": {}}}},
                                            "next_cursor": {"type": "string"}}}, "token"),
        ([], {"properties": {"data": {"type": "array", "items": {"properties": {"id": {}}}},
                             "links": {"properties": {"next": {"type": "string"}}}}}, "link"),
        ([], None, "none"),
    ],
)  # fmt: skip
def test_paging_is_guessed(parameters, answer, kind):
    found = draft(small(listing(parameters=parameters, answer=answer)), ENTITIES)
    (stream,) = found.declaration["streams"]
    assert stream["paging"]["kind"] == kind


@pytest.mark.parametrize(
    ("name", "kind", "form"),
    [("updated_since", "string", "iso"), ("modifiedAfter", "string", "iso"),
     ("changed_since", "integer", "epoch"), ("updated_at_min", "string", "iso")],
)  # fmt: skip
def test_changes_since_are_guessed(name, kind, form):
    found = draft(small(listing(parameters=[query(name, kind)])), ENTITIES)
    assert found.declaration["streams"][0]["since"] == {"parameter": name, "format": form}


@pytest.mark.parametrize(
    ("scheme", "sign_in"),
    [
        ({"type": "http", "scheme": "bearer"}, {"kind": "bearer"}),
        ({"type": "http", "scheme": "basic"}, {"kind": "basic"}),
        ({"type": "apiKey", "in": "query", "name": "key"}, {"kind": "query", "name": "key"}),
        ({"type": "oauth2", "flows": {"clientCredentials": {"tokenUrl": "/token", "scopes": {}}}},
         {"kind": "client_credentials", "token_url": "https://a.example/token"}),
        ({"type": "oauth2", "flows": {"authorizationCode": {
            "tokenUrl": "https://a.example/t", "authorizationUrl": "https://a.example/a"}}},
         {"kind": "authorization_code", "token_url": "https://a.example/t",
          "authorize_url": "https://a.example/a"}),
        ({"type": "openIdConnect"}, {"kind": "none"}),
        ({"type": "apiKey", "in": "cookie", "name": "sid"}, {"kind": "none"}),
    ],
)  # fmt: skip
def test_ways_of_signing_in(scheme, sign_in):
    found = draft(small(listing(), components={"securitySchemes": {"s": scheme}}), ENTITIES)
    assert found.declaration["sign_in"] == sign_in


def test_no_address_of_a_file_leads_elsewhere():
    scheme = {
        "type": "oauth2",
        "flows": {"clientCredentials": {"tokenUrl": "https://evil.example/t"}},
    }
    paths = listing() | listing("/contacts")
    paths["/contacts"]["servers"] = [{"url": "https://evil.example"}]
    found = draft(small(paths, components={"securitySchemes": {"s": scheme}}), ENTITIES)
    assert "evil" not in json.dumps(found.declaration)
    assert found.declaration["sign_in"] == {"kind": "none"}
    assert {"other_token_host", "other_host_path"} <= notes(found)
    elsewhere = draft(small(listing()), ENTITIES, base_url="https://mine.example")
    assert elsewhere.declaration["base_url"] == "https://mine.example"
    assert "other_server" in notes(elsewhere)


def test_a_file_without_a_full_address_asks_for_it():
    document = small(listing()) | {"servers": [{"url": "/api"}]}
    found = draft(document, ENTITIES)
    assert (found.declaration["base_url"], "no_server" in notes(found)) == ("", True)
    document["servers"] = [
        {"url": "https://{tenant}.a.example", "variables": {"tenant": {"default": "eu"}}}
    ]
    assert draft(document, ENTITIES).declaration["base_url"] == "https://eu.a.example"


@pytest.mark.parametrize(
    ("document", "code"),
    [({"swagger": "2.0", "paths": {}}, "swagger_2"), ({"openapi": "4.0.0", "paths": {"/a": {}}}, "version"),
     ({"openapi": "3.1.0"}, "no_paths"), ({"openapi": "3.0.0", "paths": []}, "no_paths"),
     (small({"/a": {"get": {"parameters": 5, "responses": {"200": {"content": {"application/json": {
         "schema": {"type": "array", "items": {"allOf": 5}}}}}}}}}), "unreadable")],
)  # fmt: skip
def test_what_is_no_openapi_3_is_refused(document, code):
    with pytest.raises(BadOpenApi) as error:
        draft(document, ENTITIES)
    assert error.value.code == code


def test_references_in_a_circle_and_out_of_the_file():
    loop = {"Loop": {"$ref": "#/components/schemas/Loop"},
            "Tree": {"properties": {"id": {"type": "string"}, "below": {"$ref": "#/components/schemas/Tree"},
                                    "kin": {"type": "array", "items": {"$ref": "#/components/schemas/Tree"}},
                                    "far": {"$ref": "https://evil.example/schema.json"},
                                    "file": {"$ref": "../../etc/passwd"},
                                    "loop": {"$ref": "#/components/schemas/Loop"}}}}  # fmt: skip
    answer = {"type": "array", "items": {"$ref": "#/components/schemas/Tree"}}
    found = draft(small(listing(answer=answer), components={"schemas": loop}), ENTITIES)
    assert len(json.dumps(found.samples)) < 2000
    assert "foreign_refs" in notes(found)


def test_a_large_file_takes_seconds():
    schemas = {
        f"S{n}": {"properties": {"id": {"type": "string"}, "next": {"$ref": f"#/components/schemas/S{(n + 1) % 300}"},
                                 "all": {"allOf": [{"$ref": f"#/components/schemas/S{(n + 7) % 300}"}]}}}
        for n in range(300)
    }  # fmt: skip
    paths = {}
    for n in range(5000):
        entry = {"type": "array", "items": {"$ref": f"#/components/schemas/S{n % 300}"}}
        paths |= listing(f"/things{n}", answer=entry)
    before = time.monotonic()
    found = draft(small(paths, components={"schemas": schemas}), ENTITIES)
    assert time.monotonic() - before < 20
    assert "many_paths" in notes(found)


def test_strange_names_spoil_no_more_than_their_list():
    odd = listing("/contacts", [query("page token\r\nX: y"), query("page\r\n")])
    paths = listing() | odd | listing("/../etc/expenses") | listing("/projects/%2e%2e")
    found = draft(small(paths), ENTITIES)
    assert faults(found.declaration) == []
    assert {one["path"] for one in found.declaration["streams"]} == {"/clients", "/contacts"}


@pytest.mark.parametrize(
    ("title", "code"),
    [("Acme PSA 2.0!", "acme_psa_2_0"), ("42", "p_42"), ("", "p_"), ("日本", "p_")],
)
def test_a_code_out_of_a_name(title, code):
    assert code_of(title) in (code, "product")


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["#/components", "string", "/a", "get"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["get", "post", "schema", "items", "properties", "$ref", "parameters", "servers",
                         "responses", "200", "content", "application/json", "name", "in", "allOf"]),
        inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@given(ANYTHING, ANYTHING, ANYTHING)
@settings(max_examples=300)
def test_no_file_makes_it_fail_otherwise(item, components, servers):
    document = {"openapi": "3.1.0", "paths": {"/clients": item, "/clients/{id}": item},
                "components": components, "servers": servers, "info": item, "webhooks": components}  # fmt: skip
    try:
        found = draft(document, ENTITIES)
    except BadOpenApi:
        return
    assert not faults({**found.declaration, "base_url": "https://a.example"})
