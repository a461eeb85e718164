"""Training of the three networks: tasks, losses, the training loop, schedules."""
