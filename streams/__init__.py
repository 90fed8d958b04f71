"""The line itself: router and dispatcher (Faust), executor hosts. They meet on topics, never in imports."""
