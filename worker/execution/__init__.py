"""How a job is executed: claim, lease, heartbeat, subtasks; the same for every kind."""
