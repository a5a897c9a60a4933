from . import billing_run, fill_role, resolve, resolve_record, upload
