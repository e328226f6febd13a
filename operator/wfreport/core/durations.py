"""Durations as people read them."""


def short_duration(seconds: float) -> str:
    """Render a duration by its two largest units: ``34s``, ``12m40s``, ``1h02m``, ``3d04h``."""
    whole = max(0, round(seconds))
    minutes, seconds_left = divmod(whole, 60)
    hours, minutes_left = divmod(minutes, 60)
    days, hours_left = divmod(hours, 24)
    if days:
        return f"{days}d{hours_left:02}h"
    if hours:
        return f"{hours}h{minutes_left:02}m"
    return f"{minutes}m{seconds_left:02}s" if minutes else f"{seconds_left}s"
