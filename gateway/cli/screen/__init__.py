"""What `headway watch` and `headway top` show: folded from what the gateway says, and drawn as text.

`seen` folds, `words` puts an event into a line, `board` and `load` draw a screen of any size, `terminal` shows it.
"""
