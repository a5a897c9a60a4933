from odoo.addons.web.controllers.export import ExcelExport

from ..core.table import safe_cell


class HubExcelExport(ExcelExport):
    """Headings of groups are names too; they do not come from ``export_data``."""

    def from_group_data(self, fields, columns_headers, groups):
        _guard(groups)
        return super().from_group_data(fields, columns_headers, groups)


def _guard(node):
    """Names of groups as text, which Odoo's tree has as keys: ``(id, name)`` or a plain value."""
    for child in node.children.values():
        _guard(child)
    node.children = type(node.children)((_text(key), child) for key, child in node.children.items())


def _text(key):
    if isinstance(key, tuple) and len(key) > 1:
        return (key[0], safe_cell(key[1]), *key[2:])
    return safe_cell(key) if isinstance(key, str) else key
