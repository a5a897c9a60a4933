from . import billing_run, claim, conflict, fill_role, resolve, resolve_record, upload
