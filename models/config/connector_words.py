"""What is wrong with a declaration, and what a file could not say, as sentences."""

import re

from . import connector_shape as shape

_PARTS = {
    "streams": ("stream_ids", shape.STREAM),
    "writes": ("write_ids", shape.WRITE),
    "errors": ("error_ids", shape.ERROR),
    "webhook.types": ("type_ids", shape.TYPE),
}


def _place(env, connector, where):
    """Where a fault is, in the words of the form; in those of a file where there is no form yet."""
    match = re.fullmatch(r"(streams|writes|errors|webhook\.types)\[(\d+)\](?:\.(.+))?", where)
    if not connector:
        return where
    if not match:
        return _label(env, connector, shape.CONNECTOR, where)
    field, table = _PARTS[match[1]]
    parts = connector[field]
    parts = parts.filtered("active") if "active" in parts._fields else parts
    number = int(match[2])
    part = parts[number] if number < len(parts) else parts.browse()
    named = part.entity_id.name if "entity_id" in part._fields and part else ""
    group = f"{connector._fields[field].get_description(env, ['string'])['string']} {number + 1}"
    group += f" ({named})" if named else ""
    return f"{group}: {_label(env, part, table, match[3])}" if match[3] else group


def _label(env, record, table, place):
    names = {path: name for name, path in table.items()}
    name = names.get(place) or names.get(place.rpartition(".")[0]) or place.partition(".")[0]
    name = {"entity": "entity_id"}.get(name, name)
    if name not in record._fields:
        return place
    return record._fields[name].get_description(env, ["string"])["string"]


def fault_sentence(env, connector, fault):
    """One fault of a declaration (``connectors.declaration.Fault``)."""
    p = fault.params
    texts = {
        "missing": lambda: env._("this is needed."),
        "unknown_key": lambda: env._("“%s” is no word of a declaration.", p["key"]),
        "not_text": lambda: env._("this has to be a text."),
        "not_flag": lambda: env._("this is true or false."),
        "not_list": lambda: env._("this has to be a list."),
        "not_object": lambda: env._("this has to hold names with values."),
        "too_long": lambda: env._("at most %s characters.", p["most"]),
        "too_many": lambda: env._("at most %s entries.", p["most"]),
        "line_break": lambda: env._("it holds a line break or a character that cannot be seen."),
        "secret": lambda: env._(
            "this looks like a secret. Secrets are never part of a declaration: they are stored, encrypted, "
            "under Credentials of each system."
        ),
        "reserved": lambda: env._(
            "“%s” proves who we are or belongs to HTTP itself. Choose it under Sign-in; the secret is "
            "stored at the system.",
            p["value"],
        ),
        "choice": lambda: env._(
            "“%(value)s” is none of: %(choices)s.", value=p["value"], choices=p["choices"]
        ),
        "number": lambda: env._(
            "a number from %(least)s to %(most)s is possible.", least=p["least"], most=p["most"]
        ),
        "bad_path": lambda: env._("“%s” is no path into an answer (JMESPath).", p["value"]),
        "bad_route": lambda: env._(
            "“%s” is no path. It begins with “/”, stays below the address, and has no “..”, “%%” or “?”.",
            p["value"],
        ),
        "bad_url": lambda: env._("“%s” is no address of an API (https://host/…).", p["value"]),
        "bad_code": lambda: env._(
            "“%s”: two to forty small letters, digits and “_”, a letter first.", p["value"]
        ),
        "bad_header": lambda: env._("“%s” is no name of a header.", p["value"]),
        "bad_parameter": lambda: env._("“%s” is no name of a parameter.", p["value"]),
        "no_hole": lambda: env._("the path has to hold %s, where the record is named.", p["hole"]),
        "twice": lambda: env._("“%s” is there twice; an entity has one.", p["value"]),
        "no_write": lambda: env._("neither a create nor an update is declared."),
        "unsafe_create": lambda: env._(
            "when the answer to a create is lost, it is repeated, and would double the record. Name the "
            "header for an idempotency key, or where to look for the record first, or create by PUT."
        ),
        "bad_signed": lambda: env._(
            "“%s” has to hold {body} once, and no other word than {timestamp}, {url} and {method}.",
            p["value"],
        ),
        "no_stream": lambda: env._(
            "events about “%s” need a read of it: what an event says is read again before it counts.",
            p["entity"],
        ),
    }  # fmt: skip
    make = texts.get(fault.code)
    return f"{_place(env, connector, fault.where)}: {make() if make else fault.code}"


def note_sentence(env, note):
    """Something that an OpenAPI file left to a person (``connectors.openapi.Note``)."""
    p = note.params
    texts = {
        "no_server": lambda: env._("The file does not say where the product is: enter its address."),
        "other_server": lambda: env._(
            "The file names another address, %s. The one that you entered is kept.", p["url"]
        ),
        "no_sign_in": lambda: env._(
            "The file names no way of signing in that can be used: choose it under Sign-in."
        ),
        "sign_in_chosen": lambda: env._(
            "The file has several ways of signing in; “%s” was taken.", p["name"]
        ),
        "other_token_host": lambda: env._(
            "The file wants to sign in at another address, %s. Nothing is sent there unless you enter it "
            "yourself, under Sign-in.",
            p["url"],
        ),
        "other_host_path": lambda: env._("%s lies at another address and was left out.", p["path"]),
        "scopes": lambda: env._("Scopes of the file: %s. Ask for the least.", p["scopes"]),
        "many_paths": lambda: env._(
            "The file has %(count)s paths; the first %(read)s were read.",
            count=p["count"],
            read=p["read"],
        ),
        "no_id": lambda: env._("%s: no field looks like an id, so it was left out.", p["path"]),
        "no_entity": lambda: env._(
            "What these lists are to the hub is for you to say; until then they are not used: %s",
            p["paths"],
        ),
        "not_usable": lambda: env._("%s has names that cannot be used and was left out.", p["path"]),
        "unsafe_create": lambda: env._(
            "%s: a create could double records when an answer is lost. Declare an idempotency header or a "
            "look-up before records are created there.",
            p["path"],
        ),
        "limits_unknown": lambda: env._(
            "The product limits calls, and the file does not say how many: see Limits."
        ),
        "webhooks": lambda: env._(
            "The product sends %s. How they are signed is not in such a file: see Webhooks.", p["names"]
        ),
        "foreign_refs": lambda: env._(
            "%s references lead out of the file and were not followed.", p["count"]
        ),
    }  # fmt: skip
    make = texts.get(note.code)
    return make() if make else note.code


def document_sentence(env, code, line=None):
    """Why a file cannot be read (``connectors.documents``, ``connectors.openapi``)."""
    text = {
        "too_large": env._("The file is too large: at most 12 MB of JSON or 3 MB of YAML."),
        "encoding": env._("The file is no text in UTF-8."),
        "alias": env._(
            "The file uses anchors and aliases (& and *), which can make it grow without end. Export it "
            "without them, or as JSON."
        ),
        "tag": env._("The file asks to build objects (!tag), which no description needs."),
        "depth": env._("The file is nested too deeply."),
        "duplicate_key": env._("The file has a name twice in one place."),
        "not_object": env._("The file is neither a declaration nor an OpenAPI description."),
        "swagger_2": env._(
            "This is Swagger 2.0. Convert it to OpenAPI 3, which the product's documentation or any "
            "converter can do."
        ),
        "version": env._("Only OpenAPI 3.0 and 3.1 are read."),
        "no_paths": env._("The file describes no paths."),
        "unreadable": env._("The file has not the form that OpenAPI 3 asks for."),
    }.get(code) or env._("The file is neither JSON nor YAML.")
    return f"{text} {env._('(line %s)', line)}" if line else text
