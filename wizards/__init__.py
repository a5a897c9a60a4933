from . import billing_run, resolve, resolve_record
