from . import governed, identity  # isort: skip  (the models below inherit it)
from . import gate, checkpoint, rule, rule_ask  # isort: skip  (what extends them is imported by those below)
from . import (
    binding,
    connector,
    connector_changes,
    connector_parts,
    connector_presets,
    connector_use,
    connector_words,
    credential,
    entity,
    entity_field,
    entity_version,
    epoch,
    likeness,
    mapping,
    mapping_editor,
    mapping_judged,
    mapping_proposal,
    mapping_sent,
    process,
    system,
    system_canonical,
    system_declared,
    system_guide,
    system_hr,
    token,
    vocabulary,
)

from . import ownership, ownership_proposal, grant  # isort: skip  (they extend models of the ones above)
from . import (
    bundle,
    change,
    change_apply,
    change_approve,
    change_item,
    change_simulation,
    consent,
    edited,
    system_control,
    version,
)  # isort: skip  (as well)
