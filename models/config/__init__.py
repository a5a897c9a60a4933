from . import (
    binding,
    credential,
    entity,
    entity_version,
    epoch,
    mapping,
    mapping_editor,
    process,
    system,
    token,
    vocabulary,
)

from . import ownership, ownership_proposal, grant  # isort: skip  (they extend models of the ones above)
