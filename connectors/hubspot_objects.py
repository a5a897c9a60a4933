"""HubSpot's objects in our words: names, properties, and how they hang together.

Source: HubSpot API documentation, "CRM objects", "Properties", "Associations v4".
"""

from __future__ import annotations

# canonical entity -> object of the API
OBJECTS = {
    "customer": "companies",
    "contact": "contacts",
    "opportunity": "deals",
    "service_item": "products",
}
ENTITIES = {name: entity for entity, name in OBJECTS.items()}

# object names and type ids of webhooks -> object of the API
TYPE_NAMES = {
    "company": "companies",
    "contact": "contacts",
    "deal": "deals",
    "product": "products",
    "line_item": "line_items",
    "0-1": "contacts",
    "0-2": "companies",
    "0-3": "deals",
    "0-7": "products",
    "0-8": "line_items",
}

# contacts alone keep their time of change under another name
MODIFIED = {"contacts": "lastmodifieddate"}

_COMMON = ("hs_object_id", "hs_merged_object_ids", "createdate")
PROPERTIES = {
    "companies": (
        *_COMMON,
        "hs_lastmodifieddate",
        "name",
        "domain",
        "website",
        "phone",
        "address",
        "address2",
        "city",
        "state",
        "zip",
        "country",
        "industry",
        "description",
        "lifecyclestage",
        "hubspot_owner_id",
    ),
    "contacts": (
        *_COMMON,
        "lastmodifieddate",
        "firstname",
        "lastname",
        "email",
        "phone",
        "mobilephone",
        "jobtitle",
        "company",
        "country",
        "hs_language",
        "lifecyclestage",
        "hubspot_owner_id",
    ),
    "deals": (
        *_COMMON,
        "hs_lastmodifieddate",
        "dealname",
        "amount",
        "deal_currency_code",
        "dealstage",
        "pipeline",
        "dealtype",
        "description",
        "closedate",
        "hs_is_closed",
        "hs_is_closed_won",
        "hs_next_step",
        "hubspot_owner_id",
    ),
    "line_items": (
        *_COMMON,
        "hs_lastmodifieddate",
        "name",
        "description",
        "quantity",
        "price",
        "amount",
        "discount",
        "hs_discount_percentage",
        "hs_sku",
        "hs_product_id",
        "hs_line_item_currency_code",
        "hs_recurring_billing_period",
        "recurringbillingfrequency",
        "hs_recurring_billing_start_date",
    ),
    "products": (
        *_COMMON,
        "hs_lastmodifieddate",
        "name",
        "description",
        "price",
        "hs_sku",
        "hs_recurring_billing_period",
    ),
}

# type ids of "primary company" associations: contact to company, deal to company
PRIMARY_TYPES = frozenset({1, 5})


def modified_property(name: str) -> str:
    """The property that holds the time of the last change of an object."""
    return MODIFIED.get(name, "hs_lastmodifieddate")


def merged_ids(properties: dict) -> set[str]:
    """Ids that were merged into this record (``hs_merged_object_ids``: ids between semicolons)."""
    return {part for part in (properties.get("hs_merged_object_ids") or "").split(";") if part}


def stage_details(pipelines: list[dict]) -> dict[tuple[str, str], dict]:
    """(pipeline id, stage id) -> what a stage means.

    A stage is won by its metadata, not by its name: ``closedwon`` exists only in the pipeline that
    a portal starts with, and admins rename stages.
    """
    result = {}
    for pipeline in pipelines:
        for stage in pipeline.get("stages", ()):
            metadata = stage.get("metadata") or {}
            closed = str(metadata.get("isClosed", "")).lower() == "true"
            probability = str(metadata.get("probability") or "")
            won = closed and probability in ("1", "1.0", "1.00")
            result[pipeline["id"], stage["id"]] = {
                "id": stage["id"],
                "label": stage.get("label"),
                "pipeline": pipeline.get("label"),
                "isClosed": closed,
                "isWon": won,
                "probability": probability,
            }
    return result
