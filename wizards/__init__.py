from . import (
    billing_run,
    by_hand,
    claim,
    conflict,
    fill_role,
    resolve,
    resolve_record,
    resolve_words,
    upload,
)
