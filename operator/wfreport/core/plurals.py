"""Counts things in English."""

_ES_ENDINGS = ("s", "ch")


def plural(number: int, noun: str) -> str:
    """Return number and noun, such as ``1 step``, ``0 steps``, ``2 successes``, ``2 retries`` or ``2 stretches``."""
    if number == 1:
        return f"1 {noun}"
    if noun.endswith("try"):
        return f"{number:,} {noun[:-1]}ies"
    return f"{number:,} {noun}{'es' if noun.endswith(_ES_ENDINGS) else 's'}"
