from . import billing_run, conflict, fill_role, resolve, resolve_record, upload
