"""What every write of the engine carries."""

# tracking_disable alone still sends the task-assignment mail; the other keys silence it.
HUB_CONTEXT = {
    "tracking_disable": True,
    "mail_auto_subscribe_no_notify": True,
    "mail_create_nosubscribe": True,
    "mail_create_nolog": True,
    "mail_notrack": True,
}
