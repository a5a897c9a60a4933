"""Exports of Odoo's lists hold what other systems wrote: no cell of them is a formula."""

from odoo import models

from ...core.table import safe_cell


class Base(models.AbstractModel):
    _inherit = "base"

    def export_data(self, fields_to_export):
        """Guard the cells of every list: a customer's name is read through records of any model.

        Odoo guards ``=``, ``+`` and ``-`` in CSV files only; in Excel files ``=`` becomes a formula.
        What is exported to be imported again is guarded too: a quote in front is seen, a formula is not.
        """
        result = super().export_data(fields_to_export)
        result["datas"] = [
            [safe_cell(cell) if isinstance(cell, str) else cell for cell in row]
            for row in result["datas"]
        ]
        return result
