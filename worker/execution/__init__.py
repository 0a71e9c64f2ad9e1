"""Executes jobs of every kind: claim, lease, heartbeat, subtasks."""
