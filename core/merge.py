"""What an incoming record changes, seen from the last values both sides agreed on."""

from .keys import digest


def plain(value):
    """A canonical value as JSON data, for the base of a link."""
    if hasattr(value, "code"):  # a vocabulary term
        return value.code
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if value is None or isinstance(value, (bool, int, str)):
        return value
    return str(value)


def changed_fields(base: dict | None, values: dict) -> frozenset:
    """Names of the fields whose incoming value differs from the link's base.

    Without a base every field is new. A field that the mapping no longer delivers is not a change.
    """
    if base is None:
        return frozenset(values)
    return frozenset(
        name for name, value in values.items() if digest(plain(value)) != digest(base.get(name))
    )
