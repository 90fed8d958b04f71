"""The router learns on a running line: agents good at things that nobody told it, tasks, and what becomes of them."""
