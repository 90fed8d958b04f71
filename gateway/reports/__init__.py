"""Reports for people: of an experiment, and of a day of the line. One document, told as text, Markdown or HTML."""
