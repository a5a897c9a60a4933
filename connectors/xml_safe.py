"""XML from outside, read without what makes XML dangerous: no document type, no entities, no files, no depth.

Expat itself never opens a file or an address; entities are the way to make it swell, and they need a document type.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

MAX_DEPTH = 40
MAX_ELEMENTS = 50_000


class BadXml(ValueError):
    """Text that is no XML, or none that is read here."""


def read(body: bytes, most: int = MAX_ELEMENTS) -> Element:
    """The root element; names are ``{namespace}name``.

    :param most: elements that are read; a message has few, a file may have more.
    :raise BadXml: it is not well formed, has a document type, or is deeper or larger than a message can be.
    """
    builder = TreeBuilder()
    parser = expat.ParserCreate(namespace_separator="}")
    depth = count = 0

    def refuse(*_args):
        raise BadXml("document type")

    def start(name, attributes):
        nonlocal depth, count
        depth, count = depth + 1, count + 1
        if depth > MAX_DEPTH or count > most:
            raise BadXml("too large")
        builder.start(_named(name), {_named(key): value for key, value in attributes.items()})

    def end(name):
        nonlocal depth
        depth -= 1
        builder.end(_named(name))

    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.ExternalEntityRefHandler = refuse
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(body, True)
        return builder.close()
    except (expat.ExpatError, AssertionError, LookupError, UnicodeError) as error:
        raise BadXml(str(error)) from None


def _named(name: str) -> str:
    return "{" + name if "}" in name else name
