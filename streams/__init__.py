"""The line itself: router and dispatcher (Faust), executor hosts. Services meet on topics and never import each other."""
