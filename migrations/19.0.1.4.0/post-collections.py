"""A level that is changed later leaves what it was when its reminders were sent."""


def migrate(cr, version):
    """Reminders that were sent before keep the days that their level has today."""
    cr.execute(
        """UPDATE hub_dunning_item i SET level_days = v.days
             FROM hub_dunning_level v
            WHERE v.id = i.level_id AND i.sent_on IS NOT NULL AND i.level_days IS NULL"""
    )
