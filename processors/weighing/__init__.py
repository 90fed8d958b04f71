"""How much each agent is preferred among those who can do a task, tuned once a day."""
