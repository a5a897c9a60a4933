"""What each product that is offered comes with."""

from pathlib import Path

import pytest

from lead_to_cash_hub import connectors

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("product", [*connectors.PRODUCTS, "declared"])
def test_it_has_an_icon_and_a_page(product):
    assert (ROOT / "static/img" / f"{product}.svg").read_text().startswith("<svg ")
    assert (ROOT / "docs/connectors" / f"{product}.md").stat().st_size > 1000
